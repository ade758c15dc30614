// One thread accepts connections, and each association has a thread of its own that calls the handler. A silent peer
// must not keep its place from others: every wait has a limit.
#include "dimse/storage_scp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <system_error>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "base/text.h"
#include "base/wait.h"
#include "dimse/association.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

// Services that an archive may propose beside storage; we are none.
constexpr std::string_view kOtherServices[] = {
    "1.2.840.10008.1.20.",       // storage commitment
    "1.2.840.10008.5.1.4.1.2.",  // query and retrieve
    "1.2.840.10008.5.1.4.31",    // modality worklist
};

// Everything else may be one: there are private classes, too.
bool IsStorage(const std::string& abstract_syntax) {
  return std::none_of(std::begin(kOtherServices), std::end(kOtherServices),
                      [&](std::string_view root) { return abstract_syntax.starts_with(root); });
}

[[noreturn]] void FailToListen(const StorageScpOptions& options, ErrorCode code, std::string_view reason) {
  throw Error(code, StrCat("Cannot listen for instances on ",
                           options.bind_address.empty() ? "" : StrCat(options.bind_address, " "), "port ", options.port,
                           ": ", reason));
}

sockaddr_storage AddressOf(const StorageScpOptions& options, socklen_t& length) {
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (options.bind_address.empty() || inet_pton(AF_INET, options.bind_address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(options.port);
    length = sizeof(*v4);
  } else if (inet_pton(AF_INET6, options.bind_address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(options.port);
    length = sizeof(*v6);
  } else {
    FailToListen(options, ErrorCode::kInvalidArgument, "the address is not numeric");
  }
  return storage;
}

UniqueFd Listen(const StorageScpOptions& options) {
  socklen_t length = 0;
  const sockaddr_storage address = AddressOf(options, length);
  UniqueFd fd(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      listen(fd.get(), SOMAXCONN) != 0) {
    const int error = errno;
    const std::string reason = std::generic_category().message(error);
    FailToListen(options, error == EACCES ? ErrorCode::kAccessDenied : ErrorCode::kUnavailable,
                 error == EADDRINUSE ? "the port is in use; end the other program or configure another move_port, "
                                       "here and in the archive"
                                     : reason);
  }
  return fd;
}

uint16_t PortOf(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length);
  return ntohs(storage.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                                             : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

}  // namespace

class StorageScp::Impl {
 public:
  Impl(StorageScpOptions options, StoreHandler& handler)
      : options_(std::move(options)),
        handler_(handler),
        listener_(Listen(options_)),
        port_(PortOf(listener_.get())),
        acceptor_([this](const std::stop_token& stop) { AcceptAll(stop); }) {}

  ~Impl() {
    acceptor_.request_stop();
    acceptor_.join();
    for (Conversation& conversation : conversations_) {
      conversation.thread.request_stop();
    }
    conversations_.clear();  // joins
  }

  uint16_t port() const { return port_; }

 private:
  struct Conversation {
    std::jthread thread;
    bool ended = false;
  };

  void AcceptAll(const std::stop_token& stop) {
    const Context context{stop};
    while (!stop.stop_requested()) {
      if (!WaitForRoom(stop)) {
        return;
      }
      if (WaitFor(listener_.get(), POLLIN, context, std::chrono::hours(1)) != Waited::kReady) {
        continue;
      }
      UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!connection) {
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
          Pause(stop);  // no descriptor or no memory: it stays in the queue, so that waiting for it is in vain
        }
        continue;
      }
      try {
        Begin(std::move(connection));
      } catch (const std::exception& error) {  // no thread or no memory
        LogWarning(StrCat("Cannot serve an archive that sends to us: ", error.what()));
        Pause(stop);
      }
    }
  }

  void Pause(const std::stop_token& stop) {
    MutexLock lock(mutex_);
    changed_.WaitFor(lock, stop, std::chrono::milliseconds(200), [] { return false; });
  }

  bool WaitForRoom(const std::stop_token& stop) {
    std::list<Conversation> ended;  // joined without the lock
    MutexLock lock(mutex_);
    const auto has_room = [&]() TROLLEY_REQUIRES(mutex_) {
      for (auto at = conversations_.begin(); at != conversations_.end();) {
        const auto next = std::next(at);
        if (at->ended) {
          ended.splice(ended.end(), conversations_, at);
        }
        at = next;
      }
      return conversations_.size() < options_.max_associations;
    };
    return changed_.Wait(lock, stop, has_room);
  }

  void Begin(UniqueFd connection) {
    const MutexLock lock(mutex_);
    std::list<Conversation> fresh(1);
    Conversation& conversation = fresh.front();
    conversation.thread =
        std::jthread([this, &conversation, fd = std::move(connection)](const std::stop_token& stop) mutable {
          try {
            Converse(std::move(fd), Context{stop});
          } catch (const std::exception& error) {
            LogDebug(StrCat("An association of an archive that sends to us ended: ", error.what()));
          }
          const MutexLock end_lock(mutex_);
          conversation.ended = true;
          changed_.NotifyAll();
        });
    conversations_.splice(conversations_.end(), fresh);
  }

  void Converse(UniqueFd connection, const Context& context) {
    AssociationAcceptor acceptor;
    acceptor.max_pdu = options_.max_pdu;
    acceptor.stall_timeout = options_.stall_timeout;
    acceptor.called_aet = options_.called_aet;
    acceptor.choose = [this](const std::string& abstract_syntax, const std::vector<std::string>& proposed) {
      return IsStorage(abstract_syntax) && !proposed.empty() ? handler_.ChooseSyntax(proposed) : "";
    };
    const auto association = Association::Accept(std::move(connection), acceptor,
                                                 Context::WithTimeout(options_.negotiation_timeout, context.stop));
    Clock::time_point idle_until = Clock::now() + options_.idle_time;
    for (;;) {  // until the archive releases it
      const DimseMessage message = association->ReceiveCommand({context.stop, idle_until});
      CommandSet response;
      if (message.command.field() == dimse::kCStoreRq) {
        response = Store(*association, message, context);
        idle_until = Clock::now() + options_.idle_time;
      } else if (message.command.field() == dimse::kCEchoRq) {
        response = Response(message.command, dimse::kCEchoRsp, dimse::kSuccess);
      } else {
        throw Error(ErrorCode::kProtocol, "Cannot understand a peer that called: it sent something else than C-STORE");
      }
      association->Send(message.context_id, response, context);
    }
  }

  CommandSet Store(Association& association, const DimseMessage& message, const Context& context) {
    const CommandSet& command = message.command;
    const AcceptedContext* on = association.FindContext(message.context_id);
    if (on == nullptr || !command.has_data_set()) {
      throw Error(ErrorCode::kProtocol, "Cannot understand a peer that called: it sent a malformed C-STORE request");
    }
    const StoreRequest request{command.Text(dimse::kAffectedSopClassUid),
                               command.Text(dimse::kAffectedSopInstanceUid),
                               on->transfer_syntax,
                               association.calling_aet(),
                               command.Text(dimse::kMoveOriginatorAet),
                               command.Number(dimse::kMoveOriginatorMessageId)};
    const uint16_t status = handler_.OnStore(
        request, [&](const std::function<void(std::span<const std::byte>)>& take, const Context& handlers) {
          std::stop_source either;
          const std::stop_callback on_our_end(context.stop, [&either] { either.request_stop(); });
          const std::stop_callback on_theirs(handlers.stop, [&either] { either.request_stop(); });
          association.ReceiveDataSet(take, {either.get_token(), handlers.deadline});
        });
    return Response(command, dimse::kCStoreRsp, status);
  }

  static CommandSet Response(const CommandSet& request, uint16_t field, uint16_t status) {
    CommandSet response(field);
    response.SetUid(dimse::kAffectedSopClassUid, request.Text(dimse::kAffectedSopClassUid))
        .SetNumber(dimse::kMessageIdBeingRespondedTo, request.Number(dimse::kMessageId).value_or(0))
        .SetNumber(dimse::kStatus, status);
    if (field == dimse::kCStoreRsp) {
      response.SetUid(dimse::kAffectedSopInstanceUid, request.Text(dimse::kAffectedSopInstanceUid));
    }
    return response;
  }

  const StorageScpOptions options_;
  StoreHandler& handler_;
  const UniqueFd listener_;
  const uint16_t port_;
  Mutex mutex_;
  StoppableCondition changed_;
  std::list<Conversation> conversations_ TROLLEY_GUARDED_BY(mutex_);
  std::jthread acceptor_;  // the last: it uses all of the above
};

StorageScp::StorageScp(StorageScpOptions options, StoreHandler& handler)
    : impl_(std::make_unique<Impl>(std::move(options), handler)) {}

StorageScp::~StorageScp() = default;

uint16_t StorageScp::port() const {
  return impl_->port();
}

}  // namespace trolley

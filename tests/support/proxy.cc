#include "support/proxy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/text.h"
#include "support/sockets.h"

namespace trolley {

// One client's connection and the one to the server that belongs to it.
class CountingProxy::Connection {
 public:
  Connection(CountingProxy& proxy, UniqueFd client, int stop)
      : proxy_(proxy), client_(std::move(client)), stop_(stop) {}

  void Run() {
    while (client_) {
      if (held_ && !proxy_.Current(*trouble_)) {
        trouble_.reset();
        Forward(std::exchange(held_, std::nullopt).value());
        continue;
      }
      // What hangs looks at short intervals whether it may go on.
      const bool stalled = trouble_ && trouble_->hang && Left() == 0 && proxy_.Current(*trouble_);
      std::array<pollfd, 3> events = {{{client_.get(), static_cast<int16_t>(held_ ? POLLRDHUP : POLLIN), 0},
                                       {stalled ? -1 : server_.get(), POLLIN, 0},
                                       {stop_, POLLIN, 0}}};
      poll(events.data(), events.size(), held_ || stalled ? 20 : -1);
      if (events[2].revents != 0) {
        break;
      }
      if (events[1].revents != 0) {
        Respond();
      }
      if (client_ && events[0].revents != 0) {
        Ask();
      }
    }
    Finish();
  }

 private:
  uint64_t Left() const {
    if (!trouble_ || (trouble_->hang && !proxy_.Current(*trouble_))) {
      return UINT64_MAX;
    }
    return trouble_->after_bytes - std::min(responded_, trouble_->after_bytes);
  }

  void Ask() {
    std::array<char, 65536> bytes{};
    const ssize_t got = recv(client_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got <= 0) {
      client_.Reset();
      return;
    }
    buffer_.append(bytes.data(), static_cast<size_t>(got));
    while (std::optional<ReceivedRequest> request = TakeRequest(buffer_)) {
      trouble_ = proxy_.Meet(*request);
      responded_ = 0;
      if (trouble_ && trouble_->hang && trouble_->after_bytes == 0) {
        held_ = std::move(request);
        return;
      }
      Forward(*request);
    }
  }

  void Forward(const ReceivedRequest& request) {
    if (!server_) {
      server_ = ConnectToLoopback(proxy_.upstream_port_);
    }
    // A server that closed its kept connection just now is no fault of the client's: close as the server would.
    if (!server_ || !SendAll(server_.get(), request.raw, stop_)) {
      client_.Reset();
    }
  }

  void Respond() {
    const uint64_t left = Left();
    std::array<char, 65536> bytes{};
    const size_t want = static_cast<size_t>(std::min<uint64_t>(bytes.size(), std::max<uint64_t>(left, 1)));
    const ssize_t got = recv(server_.get(), bytes.data(), want, MSG_DONTWAIT);
    if (got <= 0) {
      client_.Reset();
      return;
    }
    const auto pass = static_cast<size_t>(std::min<uint64_t>(left, static_cast<uint64_t>(got)));
    if (!SendAll(client_.get(), std::string_view(bytes.data(), pass), stop_)) {
      client_.Reset();
      return;
    }
    responded_ += pass;
    {
      std::lock_guard lock(proxy_.mutex_);
      proxy_.bytes_answered_ += pass;
    }
    if (trouble_ && !trouble_->hang && Left() == 0) {
      Reset(client_);
    }
  }

  void Finish() {
    if (client_) {
      Reset(client_);
    }
  }

  CountingProxy& proxy_;
  UniqueFd client_;
  UniqueFd server_;
  const int stop_;
  std::string buffer_;
  std::optional<Trouble> trouble_;       // of the request that is in progress
  std::optional<ReceivedRequest> held_;  // not passed on because of it
  uint64_t responded_ = 0;               // bytes of the response
};

CountingProxy::CountingProxy(int upstream_port) : upstream_port_(upstream_port) {
  Open();
}

CountingProxy::~CountingProxy() {
  Close();
}

void CountingProxy::Open() {
  listener_ = ListenOnLoopback(port_);
  port_ = PortOf(listener_.get());
  stop_.Reset(eventfd(0, EFD_CLOEXEC));
  acceptor_ = std::thread([this] { Accept(); });
}

void CountingProxy::Close() {
  if (!listener_) {
    return;
  }
  eventfd_write(stop_.get(), 1);
  acceptor_.join();
  listener_.Reset();  // first, so that clients that are cut off cannot come back
  for (std::thread& worker : workers_) {
    worker.join();
  }
  workers_.clear();
}

std::string CountingProxy::Url(std::string_view path) const {
  return StrCat("http://127.0.0.1:", port_, path);
}

std::vector<ReceivedRequest> CountingProxy::Requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

std::vector<std::string> CountingProxy::Targets() const {
  std::vector<std::string> targets;
  for (const ReceivedRequest& request : Requests()) {
    targets.push_back(request.target);
  }
  return targets;
}

size_t CountingProxy::CountLocked(std::string_view part, std::string_view without) const {
  return static_cast<size_t>(std::count_if(requests_.begin(), requests_.end(), [&](const ReceivedRequest& request) {
    return request.target.find(part) != std::string::npos &&
           (without.empty() || request.target.find(without) == std::string::npos);
  }));
}

size_t CountingProxy::CountRequests(std::string_view part, std::string_view without) const {
  std::lock_guard lock(mutex_);
  return CountLocked(part, without);
}

void CountingProxy::ForgetRequests() {
  std::lock_guard lock(mutex_);
  requests_.clear();
}

bool CountingProxy::WaitForRequests(size_t count, std::string_view part, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return arrived_.wait_for(lock, timeout, [&] { return CountLocked(part, "") >= count; });
}

uint64_t CountingProxy::BytesInResponses() const {
  std::lock_guard lock(mutex_);
  return bytes_answered_;
}

void CountingProxy::Hang(std::string_view part, uint64_t after_bytes) {
  std::lock_guard lock(mutex_);
  trouble_ = Trouble{true, std::string(part), after_bytes, SIZE_MAX, ++generation_};
}

void CountingProxy::Cut(uint64_t after_bytes, std::string_view part, size_t times) {
  std::lock_guard lock(mutex_);
  trouble_ = Trouble{false, std::string(part), after_bytes, times, ++generation_};
}

void CountingProxy::Refuse() {
  Close();
}

void CountingProxy::Pass() {
  {
    std::lock_guard lock(mutex_);
    trouble_.reset();
    ++generation_;
  }
  if (!listener_) {
    Open();
  }
}

std::optional<CountingProxy::Trouble> CountingProxy::Meet(const ReceivedRequest& request) {
  std::optional<Trouble> met;
  {
    std::lock_guard lock(mutex_);
    requests_.push_back(request);
    requests_.back().number = requests_.size() - 1;
    if (trouble_ && trouble_->times > 0 && request.target.find(trouble_->part) != std::string::npos) {
      --trouble_->times;
      met = trouble_;
    }
  }
  arrived_.notify_all();
  return met;
}

bool CountingProxy::Current(const Trouble& trouble) const {
  std::lock_guard lock(mutex_);
  return trouble.generation == generation_;
}

void CountingProxy::Accept() {
  while (true) {
    std::array<pollfd, 2> events = {{{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    poll(events.data(), events.size(), -1);
    if (events[1].revents != 0) {
      return;
    }
    UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) {
      continue;
    }
    const int on = 1;
    setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    workers_.emplace_back(
        [connection = std::make_shared<Connection>(*this, std::move(client), stop_.get())] { connection->Run(); });
  }
}

}  // namespace trolley

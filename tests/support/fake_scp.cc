#include "support/fake_scp.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "support/sockets.h"

namespace trolley {

using internal::PduType;

std::string FakeConversation::ReceiveBytes(size_t count) {
  std::string bytes;
  while (bytes.size() < count) {
    std::array<pollfd, 2> fds = {pollfd{socket_.get(), POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
    poll(fds.data(), fds.size(), -1);
    if (fds[1].revents != 0) {
      break;
    }
    std::string piece(count - bytes.size(), '\0');
    const ssize_t got = recv(socket_.get(), piece.data(), piece.size(), 0);
    if (got <= 0) {
      break;
    }
    bytes.append(piece, 0, static_cast<size_t>(got));
  }
  return bytes;
}

std::optional<std::pair<PduType, std::string>> FakeConversation::ReceivePdu() {
  const std::string header = ReceiveBytes(internal::kPduHeader);
  if (header.size() < internal::kPduHeader) {
    last_end_ = "close";
    return std::nullopt;
  }
  const auto type = static_cast<PduType>(header[0]);
  return std::pair(type, ReceiveBytes(internal::ReadBigEndian32(std::string_view(header).substr(2))));
}

internal::AssociatePdu FakeConversation::ReceiveRequest() {
  const auto pdu = ReceivePdu();
  if (!pdu || pdu->first != PduType::kAssociateRq) {
    throw std::runtime_error("no association request");
  }
  return ParseAssociate(PduType::kAssociateRq, pdu->second);
}

void FakeConversation::Accept(const internal::AssociatePdu& request, std::string_view transfer_syntax) {
  internal::AssociatePdu answer = request;
  answer.user.reset();
  answer.max_pdu = 16384;
  for (internal::PduContext& context : answer.contexts) {
    const auto& offered = context.transfer_syntaxes;
    const bool found = std::find(offered.begin(), offered.end(), transfer_syntax) != offered.end();
    context.transfer_syntaxes = {found ? std::string(transfer_syntax) : offered.front()};
  }
  Respond(answer);
}

void FakeConversation::Respond(const internal::AssociatePdu& answer) {
  SendBytes(EncodeAssociate(PduType::kAssociateAc, answer));
}

void FakeConversation::Reject(uint8_t result, uint8_t source, uint8_t reason) {
  SendBytes(internal::EncodeShort(PduType::kAssociateRj, result, source, reason));
}

std::optional<FakeMessage> FakeConversation::Receive() {
  FakeMessage message;
  std::string command;
  for (bool complete = false; !complete;) {
    const auto pdu = ReceivePdu();
    if (!pdu) {
      return std::nullopt;
    }
    if (pdu->first != PduType::kData) {
      last_end_ = pdu->first == PduType::kReleaseRq ? "release" : "abort";
      if (pdu->first == PduType::kReleaseRq) {
        SendBytes(internal::EncodeShort(PduType::kReleaseRp));
      }
      return std::nullopt;
    }
    for (std::string_view rest = pdu->second; !rest.empty();) {
      const size_t length = internal::ReadBigEndian32(rest);
      const auto control = static_cast<uint8_t>(rest.at(5));
      message.context_id = static_cast<uint8_t>(rest.at(4));
      ((control & internal::kPdvCommand) != 0 ? command : message.data_set) += rest.substr(6, length - 2);
      rest.remove_prefix(4 + length);
      if ((control & internal::kPdvLast) != 0) {
        message.command = CommandSet::Parse(command);
        complete = (control & internal::kPdvCommand) == 0 || !message.command.has_data_set();
      }
    }
  }
  return message;
}

void FakeConversation::Send(uint8_t context_id, CommandSet command, std::optional<std::string_view> data_set,
                            size_t max_pdu) {
  command.SetNumber(dimse::kCommandDataSetType, data_set ? 1 : 0x0101);
  std::string bytes;
  internal::AppendData(bytes, context_id, true, command.Encode(), max_pdu);
  if (data_set) {
    internal::AppendData(bytes, context_id, false, *data_set, max_pdu);
  }
  SendBytes(bytes);
}

void FakeConversation::Respond(const FakeMessage& request, uint16_t status, std::optional<std::string_view> data_set) {
  CommandSet command(static_cast<uint16_t>(request.command.field() | 0x8000));
  command.SetUid(dimse::kAffectedSopClassUid, request.command.Text(dimse::kAffectedSopClassUid))
      .SetNumber(dimse::kMessageIdBeingRespondedTo, request.command.Number(dimse::kMessageId).value_or(0))
      .SetNumber(dimse::kStatus, status);
  Send(request.context_id, command, data_set);
}

void FakeConversation::SendBytes(std::string_view bytes) {
  if (!SendAll(socket_.get(), bytes, stop_)) {
    throw std::runtime_error("the other side is gone");
  }
}

void FakeConversation::WaitForEnd() {
  while (Receive()) {
  }
}

FakeScp::FakeScp(Script script)
    : script_(std::move(script)), listener_(ListenOnLoopback()), stop_(eventfd(0, EFD_CLOEXEC)) {
  port_ = PortOf(listener_.get());
  thread_ = std::thread([this] { Serve(); });
}

FakeScp::~FakeScp() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_.get(), &one, sizeof(one));
  thread_.join();
  for (std::thread& talk : talks_) {
    talk.join();
  }
}

void FakeScp::Serve() {
  for (;;) {
    std::array<pollfd, 2> fds = {pollfd{listener_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
    poll(fds.data(), fds.size(), -1);
    if (fds[1].revents != 0) {
      return;
    }
    UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      continue;
    }
    ++connections_;
    talks_.emplace_back([this, taken = std::move(socket)]() mutable {
      FakeConversation conversation(std::move(taken), stop_.get());
      try {
        script_(conversation);
      } catch (const std::exception&) {  // the other side went away
      }
      const std::lock_guard lock(mutex_);
      ends_.emplace_back(conversation.last_end());
      ended_.notify_all();
    });
  }
}

DicomPeer FakeScp::Peer() const {
  DicomPeer peer;
  peer.host = "127.0.0.1";
  peer.port = static_cast<uint16_t>(port_);
  peer.called_aet = "FAKE";
  peer.stall_timeout = std::chrono::seconds(2);
  return peer;
}

std::vector<std::string> FakeScp::WaitForEnds(size_t count) const {
  std::unique_lock lock(mutex_);
  ended_.wait_for(lock, std::chrono::seconds(30), [&] { return ends_.size() >= count; });
  return ends_;
}

FakeScp::Script FakeScp::Serving(std::function<void(FakeConversation&, const FakeMessage&)> answer) {
  return [answer = std::move(answer)](FakeConversation& conversation) {
    conversation.Accept(conversation.ReceiveRequest());
    while (const std::optional<FakeMessage> message = conversation.Receive()) {
      answer(conversation, *message);
    }
  };
}

}  // namespace trolley

#ifndef TROLLEY_TESTS_SUPPORT_FAKE_SCP_H_
#define TROLLEY_TESTS_SUPPORT_FAKE_SCP_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "dimse/dimse.h"
#include "dimse/pdu.h"
#include "trolley/dicom_peer.h"

namespace trolley {

// A message of a DICOM conversation, as one side sent it.
struct FakeMessage {
  uint8_t context_id = 0;
  CommandSet command;
  std::string data_set;
};

// The server's side of one connection. What goes wrong ends the script by an exception.
class FakeConversation {
 public:
  FakeConversation(UniqueFd socket, int stop) : socket_(std::move(socket)), stop_(stop) {}

  internal::AssociatePdu ReceiveRequest();
  // Takes every context with its first transfer syntax, or with `transfer_syntax` where it is offered.
  void Accept(const internal::AssociatePdu& request, std::string_view transfer_syntax = "");
  void Respond(const internal::AssociatePdu& answer);  // any A-ASSOCIATE-AC
  void Reject(uint8_t result, uint8_t source, uint8_t reason);
  // nullopt: the other side released (which is answered), aborted or closed.
  std::optional<FakeMessage> Receive();
  void Send(uint8_t context_id, CommandSet command, std::optional<std::string_view> data_set = std::nullopt,
            size_t max_pdu = 16384);
  // A response to `request` with that status.
  void Respond(const FakeMessage& request, uint16_t status, std::optional<std::string_view> data_set = std::nullopt);
  void SendBytes(std::string_view bytes);
  void Close() { socket_.Reset(); }
  // Until the other side ends it.
  void WaitForEnd();
  std::string_view last_end() const { return last_end_; }  // "release", "abort", "close"

 private:
  std::string ReceiveBytes(size_t count);  // shorter at the end
  std::optional<std::pair<internal::PduType, std::string>> ReceivePdu();

  UniqueFd socket_;
  const int stop_;
  std::string_view last_end_;
};

// A DICOM server that plays a script on each connection, in a thread of its own.
class FakeScp {
 public:
  using Script = std::function<void(FakeConversation&)>;
  explicit FakeScp(Script script);
  ~FakeScp();

  DicomPeer Peer() const;  // with short time-outs
  int port() const { return port_; }
  int connections() const { return connections_; }
  // How the conversations ended, in order, once there are so many.
  std::vector<std::string> WaitForEnds(size_t count) const;

  // Accepts the association and answers each request by `answer`, until the other side ends it.
  static Script Serving(std::function<void(FakeConversation&, const FakeMessage&)> answer);

 private:
  void Serve();

  const Script script_;
  UniqueFd listener_;
  UniqueFd stop_;
  int port_ = 0;
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  mutable std::condition_variable ended_;
  std::vector<std::string> ends_;
  std::list<std::thread> talks_;
  std::thread thread_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_FAKE_SCP_H_

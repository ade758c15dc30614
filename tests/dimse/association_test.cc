#include "dimse/association.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/rate_limiter.h"
#include "dimse/association_pool.h"
#include "support/fake_scp.h"
#include "support/sockets.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using internal::PduType;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* kVerification = "1.2.840.10008.1.1";
constexpr const char* kCtStorage = "1.2.840.10008.5.1.4.1.1.2";
const AssociationRequest kRequest{{{kVerification, {std::string(kImplicitVrLittleEndian)}}}};

struct Failure {
  ErrorCode code;
  std::string what;
};

template <typename Function>
Failure FailureOf(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("Cannot ")) << error.what();
    return {error.code(), error.what()};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorCode::kInvalidArgument, ""};
}

Failure OpenFailure(const DicomPeer& peer, const Context& context = {}) {
  return FailureOf([&] { Association::Open(peer, kRequest, context); });
}

FakeScp::Script Rejecting(uint8_t result, uint8_t source, uint8_t reason) {
  return [=](FakeConversation& conversation) {
    conversation.ReceiveRequest();
    conversation.Reject(result, source, reason);
    conversation.WaitForEnd();
  };
}

// Accepts, waits for a message, then sends these bytes.
FakeScp::Script RespondingWith(std::string bytes) {
  return [bytes = std::move(bytes)](FakeConversation& conversation) {
    conversation.Accept(conversation.ReceiveRequest());
    conversation.Receive();
    conversation.SendBytes(bytes);
    conversation.WaitForEnd();
  };
}

void RespondToEcho(FakeConversation& conversation, const FakeMessage& message) {
  conversation.Respond(message, dimse::kSuccess);
}

DicomPeer With(DicomPeer peer, void (*change)(DicomPeer&)) {
  change(peer);
  return peer;
}

// --- Opening ---

TEST(AssociationTest, NegotiatesWhatWasAskedFor) {
  FakeScp scp([](FakeConversation& conversation) {
    internal::AssociatePdu response = conversation.ReceiveRequest();
    EXPECT_EQ(response.called_aet, "FAKE");
    EXPECT_EQ(response.calling_aet, "TROLLEYFS");
    EXPECT_EQ(response.max_pdu, 131072u);
    EXPECT_TRUE(response.roles.at(kCtStorage).scp);
    EXPECT_EQ(response.extended.at(kVerification), "\1");
    ASSERT_EQ(response.contexts.size(), 4u);
    response.contexts[0].transfer_syntaxes = {"1.2.840.10008.1.2.1"};
    response.contexts[1].transfer_syntaxes = {"1.2.840.10008.1.2.4.50"};
    response.contexts[2].result = 4;
    response.contexts[3].transfer_syntaxes = {"1.2.3"};               // was not offered
    response.contexts.push_back({99, 0, "", {"1.2.840.10008.1.2"}});  // nor was this
    conversation.Respond(response);
    conversation.WaitForEnd();
  });
  const AssociationRequest request{{{kVerification, {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}},
                                    {kCtStorage, {"1.2.840.10008.1.2.4.50"}, true},
                                    {kCtStorage, {"1.2.840.10008.1.2"}, true},
                                    {kVerification, {"1.2.840.10008.1.2"}}},
                                   {{kVerification, "\1"}}};
  const auto association = Association::Open(scp.Peer(), request, {});
  ASSERT_EQ(association->contexts().size(), 2u);
  EXPECT_EQ(association->ContextFor(kVerification).transfer_syntax, "1.2.840.10008.1.2.1");
  EXPECT_FALSE(association->ContextFor(kVerification).scp_role);
  EXPECT_TRUE(association->ContextFor(kCtStorage).scp_role);
  EXPECT_EQ(association->FindContext(3)->abstract_syntax, kCtStorage);
  EXPECT_EQ(association->FindContext(5), nullptr);
  EXPECT_EQ(association->Extended(kVerification), "\1");
  EXPECT_EQ(FailureOf([&] { association->ContextFor("1.2.9"); }).code, ErrorCode::kUnsupported);
  association->Release();
}

TEST(AssociationTest, NamesTheTitleToCheckWhenRejected) {
  FakeScp unknown_caller(Rejecting(1, 1, 3));
  const Failure caller = OpenFailure(unknown_caller.Peer());
  EXPECT_EQ(caller.code, ErrorCode::kAccessDenied);
  EXPECT_THAT(caller.what, HasSubstr("the calling AE title TROLLEYFS is not recognised"));

  FakeScp unknown_called(Rejecting(1, 1, 7));
  const Failure called = OpenFailure(unknown_called.Peer());
  EXPECT_EQ(called.code, ErrorCode::kAccessDenied);
  EXPECT_THAT(called.what, HasSubstr("the called AE title FAKE is not recognised"));

  FakeScp silent_about_it(Rejecting(1, 1, 1));
  const Failure silent = OpenFailure(silent_about_it.Peer());
  EXPECT_EQ(silent.code, ErrorCode::kAccessDenied);
  EXPECT_THAT(silent.what, HasSubstr("TROLLEYFS"));
}

TEST(AssociationTest, RefusesTitlesThatNoMessageCanHold) {
  for (const char* title : {"", "   ", "SEVENTEEN-LETTERS", "A\\B", "Ä"}) {
    DicomPeer peer;
    peer.host = "127.0.0.1";
    peer.calling_aet = title;
    peer.port = static_cast<uint16_t>(FreePort());
    UniqueFd listener = ListenOnLoopback(peer.port);
    EXPECT_EQ(OpenFailure(peer).code, ErrorCode::kInvalidArgument) << title;
  }
}

TEST(AssociationTest, SaysWhyThereIsNoConnection) {
  DicomPeer peer;
  peer.host = "127.0.0.1";
  peer.port = static_cast<uint16_t>(FreePort());
  EXPECT_EQ(OpenFailure(peer).code, ErrorCode::kUnavailable);
  peer.host = "nobody.invalid";
  const Failure unknown = OpenFailure(peer);
  EXPECT_EQ(unknown.code, ErrorCode::kUnavailable);
  EXPECT_THAT(unknown.what, HasSubstr("ANY-SCP@nobody.invalid"));
}

TEST(AssociationTest, GivesUpOnAPeerThatIsSilent) {
  FakeScp scp([](FakeConversation& conversation) {
    conversation.ReceiveRequest();
    conversation.WaitForEnd();
  });
  const DicomPeer peer = With(scp.Peer(), [](DicomPeer& p) { p.stall_timeout = 50ms; });
  const Failure silent = OpenFailure(peer);
  EXPECT_EQ(silent.code, ErrorCode::kTimedOut);
  EXPECT_THAT(silent.what, HasSubstr("silent for 50 ms"));
  EXPECT_EQ(OpenFailure(scp.Peer(), Context::WithTimeout(50ms)).code, ErrorCode::kTimedOut);
}

TEST(AssociationTest, LetsGoAtOnceWhenStopped) {
  FakeScp scp([](FakeConversation& conversation) {
    conversation.ReceiveRequest();
    conversation.WaitForEnd();
  });
  DicomPeer peer = scp.Peer();
  peer.stall_timeout = 1h;
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
  });
  EXPECT_EQ(OpenFailure(peer, {stop.get_token()}).code, ErrorCode::kCancelled);
  EXPECT_EQ(OpenFailure(peer, {stop.get_token()}).code, ErrorCode::kCancelled);
}

TEST(AssociationTest, RefusesWhatDoesNotSpeakDicom) {
  const std::string huge("\2\0\xff\xff\xff\xff", 6);
  const std::string cut("\2\0\0\0\0\4\0\1\0\0", 10);
  for (const std::string& bytes : {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), huge, cut}) {
    FakeScp scp([&](FakeConversation& conversation) {
      conversation.ReceiveRequest();
      conversation.SendBytes(bytes);
      conversation.WaitForEnd();
    });
    EXPECT_EQ(OpenFailure(scp.Peer()).code, ErrorCode::kProtocol);
  }
}

TEST(AssociationTest, SendsTheUserButNamesNoSecret) {
  std::optional<internal::PduUserIdentity> seen;
  FakeScp scp([&](FakeConversation& conversation) {
    seen = conversation.ReceiveRequest().user;
    conversation.Reject(1, 1, 1);
    conversation.WaitForEnd();
  });
  DicomPeer peer = scp.Peer();
  peer.user = DicomUser{"reader", [] { return std::string("s3cret"); }};
  const Failure failure = OpenFailure(peer);
  EXPECT_EQ(failure.what.find("s3cret"), std::string::npos) << failure.what;
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->name, "reader");
  EXPECT_EQ(seen->passcode, "s3cret");
  peer.user = DicomUser{"just a name"};
  OpenFailure(peer);
  EXPECT_EQ(seen->passcode, std::nullopt);
}

// --- Messages ---

class AssociationMessageTest : public testing::Test {
 protected:
  void Open(FakeScp::Script script, AssociationRequest request = kRequest) {
    scp_ = std::make_unique<FakeScp>(std::move(script));
    association_ = Association::Open(scp_->Peer(), request, {});
  }
  void SendEcho() {
    CommandSet command(dimse::kCEchoRq);
    command.SetNumber(dimse::kMessageId, association_->NextMessageId());
    association_->Send(1, command, {});
  }
  ErrorCode ResponseFailure(FakeScp::Script script) {
    Open(std::move(script));
    SendEcho();
    return FailureOf([&] {
             association_->ReceiveCommand({});
             association_->ReceiveDataSet(1 << 20, {});
           })
        .code;
  }

  std::unique_ptr<FakeScp> scp_;
  std::unique_ptr<Association> association_;
};

std::string Pdv(uint32_t pdu_length, uint32_t pdv_length, std::string_view rest) {
  std::string out("\4\0", 2);
  for (const uint32_t value : {pdu_length, pdv_length}) {
    for (const int shift : {24, 16, 8, 0}) {
      out.push_back(static_cast<char>(value >> shift & 0xFF));
    }
  }
  return out.append(rest);
}

TEST_F(AssociationMessageTest, StreamsADataSetByteForByte) {
  std::string data;
  for (unsigned i = 0; i < 1'000'000; ++i) {
    data.push_back(static_cast<char>(i * 2654435761u >> 24));
  }
  Open(FakeScp::Serving([&](FakeConversation& conversation, const FakeMessage&) {
    for (const size_t max_pdu : {1000u, 131072u}) {
      CommandSet store(dimse::kCStoreRq);
      conversation.Send(1, store, data, max_pdu);
    }
    // Both in one PDU, and a data set whose last piece is empty.
    const std::string command = CommandSet(dimse::kCStoreRq).SetNumber(dimse::kCommandDataSetType, 1).Encode();
    const auto size = static_cast<uint32_t>(command.size());
    std::string both = Pdv(size + 6 + 9, size + 2, std::string("\1\3", 2) + command);
    both += std::string("\0\0\0\5\1\0abc", 9) + Pdv(6, 2, std::string("\1\2", 2));
    conversation.SendBytes(both);
  }));
  SendEcho();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(association_->ReceiveCommand({}).command.field(), dimse::kCStoreRq);
    std::string received;
    size_t largest = 0;
    association_->ReceiveDataSet(
        [&](std::span<const std::byte> piece) {
          largest = std::max(largest, piece.size());
          received.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        },
        {});
    EXPECT_TRUE(received == data);
    EXPECT_LE(largest, 256u * 1024);
  }
  EXPECT_EQ(association_->ReceiveCommand({}).command.field(), dimse::kCStoreRq);
  EXPECT_EQ(association_->ReceiveDataSet(100, {}), "abc");
}

TEST_F(AssociationMessageTest, DropsADataSetThatNobodyReads) {
  Open(FakeScp::Serving([](FakeConversation& conversation, const FakeMessage& message) {
    conversation.Respond(message, dimse::kPending, std::string(300'000, 'x'));
    conversation.Respond(message, dimse::kSuccess);
  }));
  SendEcho();
  EXPECT_EQ(association_->ReceiveCommand({}).command.status(), dimse::kPending);
  EXPECT_THROW(association_->ReceiveDataSet([](auto) { throw std::runtime_error("disk full"); }, {}),
               std::runtime_error);
  EXPECT_EQ(association_->ReceiveCommand({}).command.status(), dimse::kSuccess);
}

TEST_F(AssociationMessageTest, GoesOnAfterAWaitThatWasGivenUp) {
  Open(FakeScp::Serving([](FakeConversation& conversation, const FakeMessage& message) {
    if (message.command.field() == dimse::kCCancelRq) {
      conversation.Respond(message, dimse::kCancel);
    }
  }));
  SendEcho();
  EXPECT_EQ(FailureOf([&] { association_->ReceiveCommand(Context::WithTimeout(20ms)); }).code, ErrorCode::kTimedOut);
  EXPECT_FALSE(association_->broken());
  association_->SendCancel(1, 1, {});
  EXPECT_EQ(association_->ReceiveCommand({}).command.status(), dimse::kCancel);
  association_->Release();
  EXPECT_EQ(FailureOf([&] { SendEcho(); }).code, ErrorCode::kUnavailable);
}

TEST_F(AssociationMessageTest, EndsInTimeAlthoughThePeerNeverPauses) {
  for (const bool by_stop : {false, true}) {
    Open(FakeScp::Serving([](FakeConversation& conversation, const FakeMessage&) {
      const std::string command = CommandSet(dimse::kCStoreRq).SetNumber(dimse::kCommandDataSetType, 1).Encode();
      const auto size = static_cast<uint32_t>(command.size());
      conversation.SendBytes(Pdv(size + 6, size + 2, std::string("\1\3", 2) + command));
      const std::string piece = Pdv(100'006, 100'002, std::string("\1\0", 2) + std::string(100'000, 'x'));
      for (;;) {  // until the other side is gone
        conversation.SendBytes(piece);
      }
    }));
    SendEcho();
    association_->ReceiveCommand({});
    std::stop_source stop;
    int pieces = 0;
    const auto slow = [&](std::span<const std::byte>) {
      std::this_thread::sleep_for(1ms);
      if (++pieces == 20 && by_stop) {
        stop.request_stop();
      }
      if (pieces == 1000) {
        throw Error(ErrorCode::kInvalidArgument, "Cannot go on: nobody looks at the context");
      }
    };
    const Context context = by_stop ? Context{stop.get_token()} : Context::WithTimeout(30ms);
    EXPECT_EQ(FailureOf([&] { association_->ReceiveDataSet(slow, context); }).code,
              by_stop ? ErrorCode::kCancelled : ErrorCode::kTimedOut);
    association_.reset();
  }
}

TEST_F(AssociationMessageTest, TellsHowThePeerEndedIt) {
  EXPECT_EQ(ResponseFailure(RespondingWith(internal::EncodeShort(PduType::kAbort, 0, 2, 2))), ErrorCode::kUnavailable);
  EXPECT_EQ(ResponseFailure(RespondingWith(internal::EncodeShort(PduType::kReleaseRq))), ErrorCode::kUnavailable);
  EXPECT_TRUE(association_->broken());
  EXPECT_EQ(ResponseFailure([](FakeConversation& conversation) {
              conversation.Accept(conversation.ReceiveRequest());
              conversation.Receive();
              conversation.SendBytes(std::string("\4\0\0\0\1", 5));
            }),
            ErrorCode::kUnavailable);
}

TEST_F(AssociationMessageTest, RefusesHostileMessages) {
  const std::string command = CommandSet(dimse::kCStoreRq).SetNumber(dimse::kCommandDataSetType, 1).Encode();
  const auto size = static_cast<uint32_t>(command.size());
  const std::string good = Pdv(size + 6, size + 2, std::string("\1\3", 2) + command);
  const std::vector<std::string> responses = {
      Pdv(6, 0xFFFFFFFF, std::string("\1\3", 2)),                    // longer than its PDU
      Pdv(6, 1, std::string("\1\3", 2)),                             // shorter than its header
      std::string("\4\0\0\0\0\3xyz", 9),                             // no room for a header
      Pdv(9, 5, std::string("\1\3", 2) + "abc"),                     // no command set
      Pdv(14, 10, std::string("\1\3\0\0\0\1\xff\xff\xff\xff", 10)),  // an element of 4 GiB
      Pdv(9, 5, std::string("\1\2", 2) + "abc"),                     // data where a command is due
      good + Pdv(9, 5, std::string("\3\2", 2) + "abc"),              // data of another context
      good + good,                                                   // a command where data are due
      good + Pdv(0x7fffffff, 0x7ffffff0, std::string("\1\0", 2) + std::string(2'000'000, 'x')),  // endless
      Pdv(100'006, 100'002, std::string("\1\1", 2) + std::string(100'000, 'x')),  // a command without end
      std::string("\6\0\0\0\0\4\0\0\0\0", 10),                                    // a release that nobody asked for
  };
  for (size_t i = 0; i < responses.size(); ++i) {
    EXPECT_EQ(ResponseFailure(RespondingWith(responses[i])), ErrorCode::kProtocol) << i;
  }
}

// --- The pool ---

TEST(AssociationPoolTest, UsesAnIdleAssociationAgain) {
  FakeScp scp(FakeScp::Serving(RespondToEcho));
  {
    AssociationPool pool(scp.Peer());
    Echo(pool, {});
    Echo(pool, {});
    EXPECT_EQ(scp.connections(), 1);
    // Other contexts need another one.
    pool.Lease({{{kCtStorage, {"1.2.840.10008.1.2"}}}}, {}).Keep();
    EXPECT_EQ(scp.connections(), 2);
    Echo(pool, {});
    EXPECT_EQ(scp.connections(), 2);
  }
  EXPECT_EQ(scp.WaitForEnds(2), (std::vector<std::string>{"release", "release"}));
}

TEST(AssociationPoolTest, TakesNoWiderProposalForANarrowOneOfCGet) {
  FakeScp scp(FakeScp::Serving(RespondToEcho));
  AssociationPool pool(scp.Peer());
  const ProposedContext narrow{kCtStorage, {"1.2.840.10008.1.2"}, true};
  const ProposedContext other{kCtStorage, {"1.2.840.10008.1.2.4.50"}, true};
  pool.Lease({{narrow, other}}, {}).Keep();
  pool.Lease({{narrow, other}}, {}).Keep();
  EXPECT_EQ(scp.connections(), 1);
  pool.Lease({{narrow}}, {}).Keep();
  EXPECT_EQ(scp.connections(), 2);
}

TEST(AssociationPoolTest, AbortsWhatWasNotBroughtToItsEnd) {
  FakeScp scp(FakeScp::Serving(RespondToEcho));
  AssociationPool pool(scp.Peer());
  { const AssociationLease lease = pool.Lease(kRequest, {}); }
  EXPECT_EQ(scp.WaitForEnds(1).front(), "abort");
}

TEST(AssociationPoolTest, ReleasesAnIdleAssociationAfterAWhile) {
  FakeScp scp(FakeScp::Serving(RespondToEcho));
  AssociationPool pool(With(scp.Peer(), [](DicomPeer& peer) { peer.idle_time = 20ms; }));
  Echo(pool, {});
  EXPECT_EQ(scp.WaitForEnds(1).front(), "release");
  Echo(pool, {});
}

TEST(AssociationPoolTest, NeverOpensMoreThanAllowed) {
  FakeScp scp(FakeScp::Serving(RespondToEcho));
  AssociationPool pool(With(scp.Peer(), [](DicomPeer& peer) { peer.max_associations = 1; }));
  std::optional<AssociationLease> first(pool.Lease(kRequest, {}));
  EXPECT_EQ(FailureOf([&] { pool.Lease(kRequest, Context::WithTimeout(20ms)); }).code, ErrorCode::kTimedOut);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(FailureOf([&] { pool.Lease(kRequest, {stop.get_token()}); }).code, ErrorCode::kCancelled);
  std::thread other([&] { Echo(pool, {}); });
  first->Keep();
  first.reset();
  other.join();
  EXPECT_EQ(scp.connections(), 1);
  // An idle one with other contexts makes room.
  pool.Lease({{{kCtStorage, {"1.2.840.10008.1.2"}}}}, {}).Keep();
  EXPECT_EQ(scp.connections(), 2);
}

TEST(AssociationPoolTest, KnowsHowLongTheWayIs) {
  FakeScp scp(FakeScp::Serving(RespondToEcho));
  AssociationPool pool(scp.Peer());
  EXPECT_EQ(pool.round_trip(), Clock::duration::zero());
  Echo(pool, {});
  EXPECT_GT(pool.round_trip(), Clock::duration::zero());
  EXPECT_LT(pool.round_trip(), 1s);
}

TEST(AssociationPoolTest, AnIdleAssociationForQuestionsMakesRoomForATransfer) {
  FakeScp scp(FakeScp::Serving(RespondToEcho));
  AssociationPool pool(scp.Peer());
  Echo(pool, {});
  const AssociationLease transfer = pool.Lease({{{kCtStorage, {"1.2.840.10008.1.2"}, true}}}, {});
  EXPECT_EQ(scp.WaitForEnds(1).front(), "release");
}

TEST(AssociationPoolTest, AQuestionGoesBeforeTransfersThatWait) {
  FakeScp scp(FakeScp::Serving(RespondToEcho));
  AssociationPool pool(With(scp.Peer(), [](DicomPeer& peer) { peer.max_associations = 1; }));
  const AssociationRequest transfer{{{kCtStorage, {"1.2.840.10008.1.2"}, true}}};
  std::optional<AssociationLease> running(pool.Lease(transfer, {}));
  std::mutex mutex;
  std::vector<std::string> order;
  const auto note = [&](const char* what) {
    const std::lock_guard lock(mutex);
    order.emplace_back(what);
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        const AssociationLease lease = pool.Lease(transfer, {});
        note("transfer");
      });
    }
    std::this_thread::sleep_for(50ms);
    threads.emplace_back([&] {
      const AssociationLease lease = pool.Lease(kRequest, {});
      note("query");
    });
    std::this_thread::sleep_for(50ms);
    running.reset();
  }
  ASSERT_EQ(order.size(), 4U);
  EXPECT_EQ(order.front(), "query");
  // A cancelled query does not block the others.
  std::optional<AssociationLease> again(pool.Lease(transfer, {}));
  EXPECT_EQ(FailureOf([&] { pool.Lease(kRequest, Context::WithTimeout(20ms)); }).code, ErrorCode::kTimedOut);
  again.reset();
  pool.Lease(transfer, Context::WithTimeout(10s));
}

TEST(AssociationPoolTest, AsksNoMoreOftenThanThePaceAllows) {
  FakeScp scp(FakeScp::Serving(RespondToEcho));
  AssociationPool pool(With(scp.Peer(), [](DicomPeer& peer) {
    peer.pace = std::make_shared<RateLimiter>(1);
    peer.max_associations = 1;
  }));
  Echo(pool, {});
  EXPECT_EQ(FailureOf([&] { Echo(pool, Context::WithTimeout(50ms)); }).code, ErrorCode::kTimedOut);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(FailureOf([&] { Echo(pool, {stop.get_token()}); }).code, ErrorCode::kCancelled);
  const auto begin = Clock::now();
  Echo(pool, {});
  EXPECT_GE(Clock::now() - begin, 500ms);
  EXPECT_EQ(scp.connections(), 1);
}

TEST(AssociationPoolTest, ReplacesAKeptAssociationThatThePeerHadClosed) {
  // Responds to one request on each connection; the next one it meets with its end.
  for (const bool release : {true, false}) {
    FakeScp scp([&](FakeConversation& conversation) {
      conversation.Accept(conversation.ReceiveRequest());
      conversation.Respond(*conversation.Receive(), dimse::kSuccess);
      if (conversation.Receive()) {
        release ? conversation.SendBytes(internal::EncodeShort(PduType::kReleaseRq)) : conversation.Close();
      }
    });
    AssociationPool pool(scp.Peer());
    Echo(pool, {});
    Echo(pool, {});
    EXPECT_EQ(scp.connections(), 2);
  }
}

TEST(AssociationPoolTest, DoesNotAskAFreshAssociationTwice) {
  FakeScp scp([](FakeConversation& conversation) {
    conversation.Accept(conversation.ReceiveRequest());
    conversation.Receive();
  });
  AssociationPool pool(scp.Peer());
  EXPECT_EQ(FailureOf([&] { Echo(pool, {}); }).code, ErrorCode::kUnavailable);
  EXPECT_EQ(scp.connections(), 1);
}

TEST(AssociationPoolTest, TriesAgainWhenThePeerIsCongested) {
  std::atomic<int> turn{0};
  FakeScp scp([&](FakeConversation& conversation) {
    switch (turn++) {
      case 0:
        return Rejecting(2, 3, 2)(conversation);  // local limit exceeded
      case 1:
        return Rejecting(1, 3, 1)(conversation);  // congestion, called permanent
      default:
        return FakeScp::Serving(RespondToEcho)(conversation);
    }
  });
  AssociationPool pool(scp.Peer());
  Echo(pool, {});
  EXPECT_EQ(scp.connections(), 3);
}

TEST(AssociationPoolTest, GivesUpOnAPeerThatStaysCongested) {
  FakeScp scp(Rejecting(2, 3, 2));
  AssociationPool pool(With(scp.Peer(), [](DicomPeer& peer) { peer.congestion_time = 150ms; }));
  const Failure failure = FailureOf([&] { Echo(pool, {}); });
  EXPECT_EQ(failure.code, ErrorCode::kUnavailable);
  EXPECT_THAT(failure.what, HasSubstr("local limit exceeded"));
  EXPECT_EQ(scp.connections(), 2);
  EXPECT_EQ(FailureOf([&] { Echo(pool, Context::WithTimeout(20ms)); }).code, ErrorCode::kTimedOut);
}

TEST(AssociationPoolTest, TellsAFailureStatusOfAnEcho) {
  FakeScp scp(FakeScp::Serving(
      [](FakeConversation& conversation, const FakeMessage& message) { conversation.Respond(message, 0x0122); }));
  AssociationPool pool(scp.Peer());
  const Failure failure = FailureOf([&] { Echo(pool, {}); });
  EXPECT_EQ(failure.code, ErrorCode::kProtocol);
  EXPECT_THAT(failure.what, HasSubstr("0122"));
}

TEST(AssociationPoolTest, ServesManyThreads) {
  FakeScp scp(FakeScp::Serving(RespondToEcho));
  AssociationPool pool(scp.Peer());
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        Echo(pool, {});
      }
    });
  }
  threads.clear();
  EXPECT_LE(scp.connections(), 2);
}

}  // namespace
}  // namespace trolley

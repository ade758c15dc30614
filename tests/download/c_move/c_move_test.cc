#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "dimse/association_pool.h"
#include "download/fake_dimse_archive.h"
#include "download/recording_sink.h"
#include "support/sockets.h"
#include "trolley/downloaders.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* kSecondaryCapture = "1.2.840.10008.5.1.4.1.1.7";

InstanceReference Ref(const std::string& uid) {
  return {Uid("1.2"), Uid("1.2.3"), Uid(uid)};
}

// The archive's side of an association on which it sends to us.
class Sender {
 public:
  Sender(int port, const std::string& sop_class, const std::string& syntax)
      : association_(Association::Open(Peer(port), {{{sop_class, {syntax}}}}, Context::WithTimeout(10s))),
        sop_class_(sop_class) {}
  ~Sender() { association_->Release(); }

  // The status of the response.
  uint16_t Send(const std::string& uid, const std::string& data_set, uint16_t move_id = 0) {
    CommandSet store(dimse::kCStoreRq);
    store.SetUid(dimse::kAffectedSopClassUid, sop_class_)
        .SetUid(dimse::kAffectedSopInstanceUid, uid)
        .SetNumber(dimse::kMessageId, association_->NextMessageId())
        .SetNumber(dimse::kPriority, 0);
    if (move_id != 0) {
      store.SetText(dimse::kMoveOriginatorAet, "TROLLEYFS").SetNumber(dimse::kMoveOriginatorMessageId, move_id);
    }
    association_->Send(association_->ContextFor(sop_class_).id, store, data_set, Context::WithTimeout(10s));
    return association_->ReceiveCommand(Context::WithTimeout(10s)).command.status();
  }

 private:
  static DicomPeer Peer(int port) {
    DicomPeer peer;
    peer.host = "127.0.0.1";
    peer.port = static_cast<uint16_t>(port);
    peer.called_aet = "MOVER";
    return peer;
  }
  std::unique_ptr<Association> association_;
  const std::string sop_class_;
};

class CMoveTest : public testing::Test {
 protected:
  struct Request {
    uint16_t id = 0;
    std::string destination;
  };
  struct Result {
    uint16_t status = 0;
    int completed = 0;
    int failed = 0;
  };

  // The archive does this for each C-MOVE, and then responds with that.
  void Serve(std::function<Result(const Request&)> move) {
    downloader_.reset();
    scp_ = std::make_unique<FakeScp>(FakeScp::Serving([this, move](FakeConversation& talk, const FakeMessage& message) {
      if (message.command.field() != dimse::kCMoveRq) {
        archive_.Find(talk, message);
        return;
      }
      const Result result =
          move({message.command.Number(dimse::kMessageId).value_or(0), message.command.Text(dimse::kMoveDestination)});
      CommandSet end(dimse::kCMoveRsp);
      end.SetUid(dimse::kAffectedSopClassUid, message.command.Text(dimse::kAffectedSopClassUid))
          .SetNumber(dimse::kMessageIdBeingRespondedTo, message.command.Number(dimse::kMessageId).value_or(0))
          .SetNumber(dimse::kStatus, result.status)
          .SetNumber(dimse::kCompletedSubOperations, static_cast<uint16_t>(result.completed))
          .SetNumber(dimse::kFailedSubOperations, static_cast<uint16_t>(result.failed));
      talk.Send(message.context_id, end);
    }));
    DicomPeer peer = scp_->Peer();
    peer.stall_timeout = 600ms;
    downloader_ = MakeCMoveDownloader(Options(), std::make_shared<AssociationPool>(peer));
  }
  CMoveOptions Options() const {
    return {.move_aet = "MOVER",
            .move_port = static_cast<uint16_t>(port_),
            .bind_address = "127.0.0.1",
            .late = std::chrono::milliseconds(2000)};
  }
  std::optional<ErrorCode> Get(const std::vector<std::string>& uids, const Context& context = {}) {
    std::vector<InstanceReference> wanted;
    for (const std::string& uid : uids) {
      archive_.instances[uid].data_set = FakeDataSet(uid);
      wanted.push_back(Ref(uid));
    }
    try {
      downloader_->Download(wanted, sink_, context);
    } catch (const Error& error) {
      thrown_ = error.what();
      return error.code();
    }
    return std::nullopt;
  }
  static std::string File(const std::string& uid, const std::string& sop_class = kCt,
                          const std::string& syntax = kExplicitLe) {
    return FakeFile(uid, {sop_class, syntax, FakeDataSet(uid)});
  }

  const int port_ = FreePort();
  FakeGetArchive archive_;
  std::unique_ptr<FakeScp> scp_;
  std::unique_ptr<Downloader> downloader_;
  RecordingSink sink_;
  std::string thrown_;
};

TEST_F(CMoveTest, TakesWhatTheArchiveSendsInEveryClassAndSyntax) {
  Serve([this](const Request& request) {
    EXPECT_EQ(request.destination, "MOVER");
    Sender(port_, kCt, kExplicitLe).Send("1.1", FakeDataSet("1.1"), request.id);
    Sender(port_, "1.3.12.2.1107.5.9.1", kExplicitLe).Send("1.2", FakeDataSet("1.2"), request.id);
    Sender(port_, kCt, "2.16.840.1.113709.1.2.2").Send("1.3", FakeDataSet("1.3"), request.id);
    return Result{0, 3, 0};
  });
  EXPECT_EQ(Get({"1.1", "1.2", "1.3"}), std::nullopt);
  EXPECT_EQ(sink_.whole[Ref("1.1")], File("1.1"));
  EXPECT_EQ(sink_.whole[Ref("1.2")], File("1.2", "1.3.12.2.1107.5.9.1"));
  EXPECT_EQ(sink_.whole[Ref("1.3")], File("1.3", kCt, "2.16.840.1.113709.1.2.2"));
}

TEST_F(CMoveTest, TakesSeveralAssociationsAtATime) {
  Serve([this](const Request& request) {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([this, thread, request] {
        Sender sender(port_, kCt, kExplicitLe);
        for (int i = 0; i < 5; ++i) {
          const std::string uid = "1." + std::to_string(10 * thread + i);
          sender.Send(uid, FakeDataSet(uid, kCt, 300000), request.id);
        }
      });
    }
    threads.clear();
    return Result{0, 20, 0};
  });
  std::vector<std::string> uids;
  for (int i = 0; i < 40; ++i) {
    if (i % 10 < 5) {
      uids.push_back("1." + std::to_string(i));
    }
  }
  EXPECT_EQ(Get(uids), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 20U);
}

TEST_F(CMoveTest, DropsDuplicatesAndWhatWasNotAskedFor) {
  Serve([this](const Request& request) {
    Sender sender(port_, kCt, kExplicitLe);
    EXPECT_EQ(sender.Send("9.9", FakeDataSet("9.9"), request.id), dimse::kSuccess);
    sender.Send("1.1", FakeDataSet("1.1"));  // an archive that does not name the C-MOVE
    EXPECT_EQ(sender.Send("1.1", FakeDataSet("1.1"), request.id), dimse::kSuccess);
    return Result{0, 1, 0};
  });
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 1U);
}

TEST_F(CMoveTest, WaitsForWhatComesAfterTheResponse) {
  std::jthread late;
  std::promise<void> responded;
  Serve([&](const Request& request) {
    late = std::jthread([this, request, after = responded.get_future().share()] {
      after.wait_for(200ms);  // nobody says when the response was read
      Sender(port_, kCt, kExplicitLe).Send("1.1", FakeDataSet("1.1"), request.id);
    });
    return Result{0, 1, 0};
  });
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 1U);
}

// The response is there while an instance is on its way.
TEST_F(CMoveTest, DoesNotCutOffWhatIsOnItsWay) {
  std::promise<void> begun;
  std::jthread sender;
  Serve([&](const Request& request) {
    sender =
        std::jthread([this, request] { Sender(port_, kCt, kExplicitLe).Send("1.1", FakeDataSet("1.1"), request.id); });
    begun.get_future().wait();
    return Result{0xC001, 0, 0};
  });
  sink_.on_data = [&, told = false]() mutable {
    if (!std::exchange(told, true)) {
      begun.set_value();
      std::this_thread::sleep_for(200ms);  // nobody says when the response was read
    }
  };
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 1U);
}

TEST_F(CMoveTest, OurOwnSlownessIsNotTheArchivesSilence) {
  Serve([this](const Request& request) {
    Sender(port_, kCt, kExplicitLe).Send("1.1", FakeDataSet("1.1"), request.id);
    return Result{0, 1, 0};
  });
  sink_.on_data = [slept = false]() mutable {
    if (!std::exchange(slept, true)) {
      std::this_thread::sleep_for(1200ms);  // twice as long as it may be silent
    }
  };
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 1U);
}

TEST_F(CMoveTest, TellsWhichInstancesFailed) {
  Serve([this](const Request& request) {
    Sender(port_, kCt, kExplicitLe).Send("1.1", FakeDataSet("1.1"), request.id);
    return Result{0xB000, 1, 1};
  });
  EXPECT_EQ(Get({"1.1", "1.2"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 1U);
  EXPECT_EQ(sink_.failed[Ref("1.2")], ErrorCode::kProtocol);
  EXPECT_THAT(sink_.messages[Ref("1.2")], HasSubstr("B000"));
}

TEST_F(CMoveTest, SaysWhatToDoWhenTheArchiveDoesNotKnowUs) {
  Serve([](const Request&) { return Result{0xA801}; });
  EXPECT_EQ(Get({"1.1"}), ErrorCode::kProtocol);
  EXPECT_THAT(thrown_, HasSubstr("have its administrator add it"));
  EXPECT_THAT(thrown_, HasSubstr(StrCat("AE title MOVER, port ", port_)));
}

TEST_F(CMoveTest, SaysWhenTheArchiveCouldNotSend) {
  Serve([](const Request&) { return Result{0xA702, 0, 1}; });
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_THAT(sink_.messages[Ref("1.1")], HasSubstr("A702"));
  EXPECT_THAT(sink_.messages[Ref("1.1")], HasSubstr("check that the archive can reach it"));
}

TEST_F(CMoveTest, RefusesADataSetOfAnotherInstance) {
  Serve([this](const Request& request) {
    EXPECT_EQ(Sender(port_, kCt, kExplicitLe).Send("1.1", FakeDataSet("1.2"), request.id), 0xA900);
    return Result{0xB000, 0, 1};
  });
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_TRUE(sink_.whole.empty());
  EXPECT_EQ(sink_.failed[Ref("1.1")], ErrorCode::kProtocol);
}

TEST_F(CMoveTest, WhatTheSinkThrowsLeavesThroughIt) {
  Serve([this](const Request& request) {
    EXPECT_THROW(Sender(port_, kCt, kExplicitLe).Send("1.1", FakeDataSet("1.1"), request.id), Error);
    return Result{0xA702, 0, 1};
  });
  sink_.on_data = [] { throw Error(ErrorCode::kNoSpace, "full"); };
  EXPECT_EQ(Get({"1.1"}), ErrorCode::kNoSpace);
}

TEST_F(CMoveTest, IsBusyAsLongAsInstancesComeAlthoughTheArchiveSaysNothing) {
  Serve([this](const Request& request) {
    Sender sender(port_, kCt, kExplicitLe);
    for (const char* uid : {"1.1", "1.2", "1.3"}) {  // together longer than the archive may be silent
      std::this_thread::sleep_for(300ms);
      sender.Send(uid, FakeDataSet(uid), request.id);
    }
    return Result{0, 3, 0};
  });
  EXPECT_EQ(Get({"1.1", "1.2", "1.3"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 3U);
}

TEST_F(CMoveTest, EndsWhenTheArchiveDoesNothing) {
  std::promise<void> end;
  Serve([&, future = end.get_future().share()](const Request&) {
    future.wait();
    return Result{};
  });
  EXPECT_EQ(Get({"1.1"}, Context::WithTimeout(100ms)), ErrorCode::kTimedOut);
  EXPECT_EQ(Get({"1.1"}), ErrorCode::kTimedOut);
  end.set_value();
}

TEST_F(CMoveTest, APortInUseIsAClearError) {
  Serve([](const Request&) { return Result{}; });
  const auto pool = std::make_shared<AssociationPool>(scp_->Peer());
  try {
    MakeCMoveDownloader(Options(), pool);
    FAIL() << "two listen on one port";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.what(), HasSubstr(StrCat("port ", port_, ": the port is in use")));
  }
}

TEST_F(CMoveTest, RespondsToAnEcho) {
  Serve([](const Request&) { return Result{}; });
  DicomPeer peer = scp_->Peer();
  peer.port = static_cast<uint16_t>(port_);
  peer.called_aet = "MOVER";
  AssociationPool pool(peer);
  EXPECT_NO_THROW(Echo(pool, Context::WithTimeout(10s)));
}

// A forged object cannot be delivered by somebody who does not even know whom he calls.
TEST_F(CMoveTest, RejectsWhoCallsAnotherTitle) {
  Serve([](const Request&) { return Result{}; });
  DicomPeer peer = scp_->Peer();
  peer.port = static_cast<uint16_t>(port_);
  peer.called_aet = "SOMEBODY";
  AssociationPool pool(peer);
  EXPECT_EQ(CodeOf([&] { Echo(pool, Context::WithTimeout(10s)); }), ErrorCode::kAccessDenied);
}

// Somebody who connects and says nothing keeps nobody from sending.
TEST_F(CMoveTest, SilentConnectionsDoNotMatter) {
  Serve([this](const Request& request) {
    Sender(port_, kSecondaryCapture, kExplicitLe).Send("1.1", FakeDataSet("1.1"), request.id);
    return Result{0, 1, 0};
  });
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 5; ++i) {
    silent.push_back(ConnectToLoopback(port_));
  }
  UniqueFd noise = ConnectToLoopback(port_);
  SendAll(noise.get(), "GET / HTTP/1.1\r\n\r\n", -1);
  EXPECT_EQ(Get({"1.1"}), std::nullopt);
  EXPECT_EQ(sink_.whole.size(), 1U);
}

}  // namespace
}  // namespace trolley

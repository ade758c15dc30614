#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/text.h"
#include "dicom/identifier.h"
#include "dimse/association_pool.h"
#include "support/fake_scp.h"
#include "trolley/error.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;
using Rows = std::vector<std::map<Tag, std::string>>;

constexpr Tag kLevel{0x00080052};

// A server that answers questions as a test says, and keeps them.
class CFindTest : public testing::Test {
 protected:
  struct Question {
    std::string level;
    Attributes keys;
  };

  // By rows of each level, then success.
  void Serve(std::function<Rows(const Question&)> rows) {
    ServeBy([this, rows = std::move(rows)](FakeConversation& conversation, const FakeMessage& request) {
      for (const auto& row : rows(Ask(request))) {
        conversation.Respond(request, dimse::kPending, EncodeIdentifier(row, true, "ISO_IR 192"));
      }
      conversation.Respond(request, dimse::kSuccess);
    });
  }
  void ServeBy(std::function<void(FakeConversation&, const FakeMessage&)> answer) {
    ServeScript(FakeScp::Serving(std::move(answer)));
  }
  void ServeScript(FakeScp::Script script) {
    searcher_.reset();
    scp_ = std::make_unique<FakeScp>(std::move(script));
    searcher_ = MakeCFindSearcher(options_, std::make_shared<AssociationPool>(scp_->Peer()));
  }
  // Some rows, then this status.
  void ServeStatus(int status, Rows rows = {}, const std::string& comment = "") {
    ServeBy([=](FakeConversation& conversation, const FakeMessage& request) {
      if (request.command.field() != dimse::kCFindRq) {
        return;
      }
      for (const auto& row : rows) {
        conversation.Respond(request, dimse::kPending, EncodeIdentifier(row, true, ""));
      }
      CommandSet command(dimse::kCFindRsp);
      command.SetNumber(dimse::kMessageIdBeingRespondedTo, *request.command.Number(dimse::kMessageId))
          .SetNumber(dimse::kStatus, static_cast<uint16_t>(status));
      if (!comment.empty()) {
        command.SetText(dimse::kErrorComment, comment);
      }
      conversation.Send(request.context_id, command);
    });
  }
  Question Ask(const FakeMessage& request) {
    Question question{"", DecodeIdentifier(request.data_set, true, "")};
    question.level = question.keys.Get(kLevel);
    const std::lock_guard lock(mutex_);
    questions_.push_back(question);
    return question;
  }
  std::vector<std::string> Levels() const {
    std::vector<std::string> levels;
    for (const Question& question : questions_) {
      levels.push_back(question.level);
    }
    return levels;
  }

  SearchResult Find(const Query& query, const Context& context = {}) { return searcher_->Find(query, context); }
  std::vector<std::string> Studies(const Query& query = Query(Level::kStudy)) {
    std::vector<std::string> uids;
    const SearchResult answer = Find(query);
    for (const Study& study : *answer) {
      uids.push_back(study.uid.str());
    }
    return uids;
  }
  std::string Failure(ErrorCode code, const Query& query = Query(Level::kStudy), const Context& context = {}) {
    try {
      const SearchResult answer = Find(query, context);
      ADD_FAILURE() << "an answer with " << answer->size() << " studies";
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
  }
  static std::map<Tag, std::string> StudyRow(const std::string& uid) {
    return {{kLevel, "STUDY"}, {tag::kStudyInstanceUID, uid}};
  }

  CFindOptions options_;
  std::mutex mutex_;
  std::vector<Question> questions_;
  std::unique_ptr<FakeScp> scp_;
  std::unique_ptr<Searcher> searcher_;
};

// --- Statuses, PS3.4 C.4.1.1.4 ---

// The seed's bug 2: a failure status became an empty result.
TEST_F(CFindTest, AFailureIsNoEmptyAnswer) {
  ServeStatus(0xA900, {}, "relational query");
  const std::string mismatch = Failure(ErrorCode::kProtocol);
  EXPECT_THAT(mismatch, HasSubstr("A900"));
  EXPECT_THAT(mismatch, HasSubstr("ErrorComment 'relational query'"));
  for (const int status : {0xC000, 0xC123, 0xCFFF}) {
    ServeStatus(status, {StudyRow("1.2")});
    EXPECT_THAT(Failure(ErrorCode::kProtocol), HasSubstr("could not process"));
  }
  for (const int status : {0x0110, 0xB000, 0x1234, 0xFF02}) {
    ServeStatus(status);
    EXPECT_THAT(Failure(ErrorCode::kProtocol), HasSubstr("unknown status"));
  }
  ServeStatus(0x0122);
  Failure(ErrorCode::kUnsupported);
  ServeStatus(0x0124);
  Failure(ErrorCode::kAccessDenied);
}

TEST_F(CFindTest, ACroppedAnswerIsNoAnswer) {
  for (const int status : {0xA700, 0xFE00}) {
    ServeStatus(status, {StudyRow("1.2"), StudyRow("1.3")});
    EXPECT_THAT(Failure(ErrorCode::kTooMany), HasSubstr("narrow the search"));
  }
  options_.max_rows = 1;
  ServeStatus(0, {StudyRow("1.2"), StudyRow("1.3")});
  Failure(ErrorCode::kTooMany);
}

TEST_F(CFindTest, BothPendingStatusesCarryResults) {
  ServeBy([](FakeConversation& conversation, const FakeMessage& request) {
    conversation.Respond(request, dimse::kPending, EncodeIdentifier(StudyRow("1.2"), true, ""));
    conversation.Respond(request, dimse::kPendingWithWarning, EncodeIdentifier(StudyRow("1.3"), true, ""));
    conversation.Respond(request, dimse::kSuccess);
  });
  EXPECT_THAT(Studies(), ElementsAre("1.2", "1.3"));
}

// The seed's bug 4: a repeated row failed the whole question.
TEST_F(CFindTest, MergesARowThatIsRepeated) {
  auto more = StudyRow("1.2");
  more[tag::kStudyDate] = "20200301";
  ServeStatus(0, {StudyRow("1.2"), more, StudyRow("1.2")});
  const SearchResult answer = Find(Query(Level::kStudy));
  ASSERT_EQ(answer->size(), 1u);
  EXPECT_EQ(answer->front().attributes.Get(tag::kStudyDate), "20200301");
}

TEST_F(CFindTest, RepeatedRowsHaveALimit) {
  options_.max_rows = 3;
  ServeStatus(0, Rows(3, StudyRow("1.2")));
  EXPECT_THAT(Studies(), ElementsAre("1.2"));
  ServeStatus(0, Rows(4, StudyRow("1.2")));
  Failure(ErrorCode::kTooMany);
}

TEST_F(CFindTest, DropsWhatWasNotAskedFor) {
  auto row = StudyRow("1.2");
  row[tag::kStudyDate] = "20200301";
  row[Tag{0x00104000}] = "comments without end";
  ServeStatus(0, {row});
  const SearchResult answer = Find(Query(Level::kStudy));
  ASSERT_EQ(answer->size(), 1u);
  EXPECT_EQ(answer->front().attributes.Get(tag::kStudyDate), "20200301");
  EXPECT_FALSE(answer->front().attributes.Has(Tag{0x00104000}));
}

TEST_F(CFindTest, RefusesAnswersThatAreNone) {
  ServeStatus(0, {{{tag::kStudyDate, "20200301"}}});
  Failure(ErrorCode::kProtocol);  // no UID
  ServeStatus(0, {StudyRow("../..")});
  Failure(ErrorCode::kProtocol);
  ServeBy([](FakeConversation& conversation, const FakeMessage& request) {
    conversation.Respond(request, dimse::kPending);
  });
  Failure(ErrorCode::kProtocol);  // no identifier
  ServeBy([](FakeConversation& conversation, const FakeMessage& request) {
    conversation.Respond(request, dimse::kPending, "\x08");
  });
  Failure(ErrorCode::kProtocol);
  ServeBy([](FakeConversation& conversation, const FakeMessage& request) {
    CommandSet command(dimse::kCFindRsp);
    command.SetNumber(dimse::kMessageIdBeingRespondedTo, 4711).SetNumber(dimse::kStatus, 0);
    conversation.Send(request.context_id, command);
  });
  Failure(ErrorCode::kProtocol);  // to another request
  ServeBy([](FakeConversation& conversation, const FakeMessage& request) {
    conversation.Respond(request, dimse::kPending, EncodeIdentifier(StudyRow("1.2"), true, ""));
    conversation.Close();
  });
  Failure(ErrorCode::kUnavailable);
}

TEST_F(CFindTest, SaysWhenTheArchiveDoesNotOfferIt) {
  ServeScript([](FakeConversation& conversation) {
    internal::AssociatePdu answer = conversation.ReceiveRequest();
    answer.contexts[0].result = 3;
    conversation.Respond(answer);
    conversation.WaitForEnd();
  });
  Failure(ErrorCode::kUnsupported);
}

// --- Keys ---

TEST_F(CFindTest, WalksTheLevelsWithEachKeyWhereItBelongs) {
  Serve([](const Question& question) -> Rows {
    if (question.level == "STUDY") {
      auto row = StudyRow("1.2");
      row[tag::kPatientName] = "Doe^Jane";
      return {row};
    }
    if (question.level == "SERIES") {
      return {{{tag::kSeriesInstanceUID, "1.2.3"}, {tag::kModality, "CT"}}};
    }
    return {{{tag::kSOPInstanceUID, "1.2.3.4"}, {tag::kInstanceNumber, "7"}}};
  });
  const SearchResult answer =
      Find(Query(Level::kInstance).Where("PatientName", "Doe*").Where("Modality", "CT").Where("InstanceNumber", "7"));
  ASSERT_EQ(answer->size(), 1u);
  EXPECT_EQ(answer->front().attributes.Get(tag::kPatientName), "Doe^Jane");
  EXPECT_EQ(answer->front().series.at(0).attributes.Get(tag::kModality), "CT");
  EXPECT_EQ(answer->front().series.at(0).instances.at(0).uid.str(), "1.2.3.4");
  EXPECT_THAT(Levels(), ElementsAre("STUDY", "SERIES", "IMAGE"));
  EXPECT_EQ(questions_[0].keys.Get(tag::kPatientName), "Doe*");
  EXPECT_FALSE(questions_[0].keys.Has(tag::kModality));
  EXPECT_TRUE(questions_[0].keys.Has(tag::kSpecificCharacterSet));
  EXPECT_EQ(questions_[1].keys.Get(tag::kStudyInstanceUID), "1.2");
  EXPECT_EQ(questions_[1].keys.Get(tag::kModality), "CT");
  EXPECT_FALSE(questions_[1].keys.Has(tag::kPatientName));
  EXPECT_EQ(questions_[2].keys.Get(tag::kStudyInstanceUID), "1.2");
  EXPECT_EQ(questions_[2].keys.Get(tag::kSeriesInstanceUID), "1.2.3");
  EXPECT_EQ(questions_[2].keys.Get(tag::kInstanceNumber), "7");
}

TEST_F(CFindTest, AsksOnceForWhatIsBelowAKnownParent) {
  Serve([](const Question&) -> Rows { return {{{tag::kSOPInstanceUID, "1.2.3.4"}}}; });
  EXPECT_EQ(Find(Query::ForSeries({Uid("1.2"), Uid("1.2.3")}))->front().series.at(0).instances.size(), 1u);
  EXPECT_THAT(Levels(), ElementsAre("IMAGE"));
}

TEST_F(CFindTest, SendsNoUniversalWildcard) {
  Serve([](const Question&) -> Rows { return {}; });
  Studies(Query(Level::kStudy).Where("PatientName", "*").Where("AccessionNumber", "A*"));
  EXPECT_TRUE(questions_[0].keys.Has(tag::kPatientName));
  EXPECT_EQ(questions_[0].keys.Get(tag::kPatientName), "");
  EXPECT_EQ(questions_[0].keys.Get(tag::kStudyInstanceUID), "");
  options_.star_for_empty_uids = true;
  Serve([](const Question&) -> Rows { return {}; });
  Studies();
  EXPECT_EQ(questions_[1].keys.Get(tag::kStudyInstanceUID), "*");
}

TEST_F(CFindTest, SendsAndReadsNamesOfAnyScript) {
  options_.query_charset = "ISO_IR 100";
  ServeBy([this](FakeConversation& conversation, const FakeMessage& request) {
    Ask(request);
    auto row = StudyRow("1.2");
    row[tag::kPatientName] = "Müller^Jürgen";
    conversation.Respond(request, dimse::kPending, EncodeIdentifier(row, true, "ISO_IR 192"));
    conversation.Respond(request, dimse::kSuccess);
  });
  const SearchResult answer = Find(Query(Level::kStudy).Where("PatientName", "Müller*"));
  EXPECT_EQ(answer->front().attributes.Get(tag::kPatientName), "Müller^Jürgen");
  EXPECT_EQ(questions_[0].keys.Get(tag::kSpecificCharacterSet), "ISO_IR 100");
  EXPECT_EQ(questions_[0].keys.Get(tag::kPatientName), "Müller*");
  Failure(ErrorCode::kUnsupported, Query(Level::kStudy).Where("PatientName", "山田"));
}

TEST_F(CFindTest, LeavesOutRowsThatContradictTheQuestion) {
  auto other = StudyRow("1.3");
  other[tag::kPatientID] = "B";
  auto right = StudyRow("1.2");
  right[tag::kPatientID] = "A";
  ServeStatus(0, {other, right});
  EXPECT_THAT(Studies(Query(Level::kStudy).Where("PatientID", "A")), ElementsAre("1.2"));
}

TEST_F(CFindTest, RefusesToGuessWhatWasSearchedBy) {
  ServeStatus(0, {StudyRow("1.2")});
  EXPECT_THAT(Failure(ErrorCode::kUnsupported, Query(Level::kStudy).Where("AccessionNumber", "A")),
              HasSubstr("AccessionNumber"));
  // FF01 and an empty value: it is not supported.
  ServeBy([](FakeConversation& conversation, const FakeMessage& request) {
    auto row = StudyRow("1.2");
    row[tag::kAccessionNumber] = "";
    conversation.Respond(request, dimse::kPendingWithWarning, EncodeIdentifier(row, true, ""));
    conversation.Respond(request, dimse::kSuccess);
  });
  Failure(ErrorCode::kUnsupported, Query(Level::kStudy).Where("AccessionNumber", "A"));
  Failure(ErrorCode::kUnsupported, Query(Level::kStudy).Where("Modality", "CT"));
}

TEST_F(CFindTest, ComparesTheSeriesWhenModalitiesAreNotReturned) {
  Serve([](const Question& question) -> Rows {
    if (question.level == "STUDY") {
      return {StudyRow("1.2"), StudyRow("1.3")};
    }
    const bool first = question.keys.Get(tag::kStudyInstanceUID) == "1.2";
    return {{{tag::kSeriesInstanceUID, "1.9"}, {tag::kModality, first ? "CT" : "MR"}}};
  });
  EXPECT_THAT(Studies(Query(Level::kStudy).Where("ModalitiesInStudy", "MR")), ElementsAre("1.3"));
}

// --- Patient Root ---

TEST_F(CFindTest, TellsPatientsWithoutIdApart) {
  options_.patient_root = true;
  bool with_names = true;
  Serve([&](const Question& question) -> Rows {
    if (question.level == "PATIENT") {
      return {{{tag::kPatientID, ""}, {tag::kPatientName, "Doe^Jane"}},
              {{tag::kPatientID, ""}, {tag::kPatientName, "Doe^John"}}};
    }
    if (question.level == "STUDY") {  // the archive does not look at the names
      Rows rows = {{{tag::kStudyInstanceUID, "1.2"}, {tag::kPatientID, ""}},
                   {{tag::kStudyInstanceUID, "1.3"}, {tag::kPatientID, ""}}};
      if (with_names) {
        rows[0][tag::kPatientName] = "Doe^Jane";
        rows[1][tag::kPatientName] = "Doe^John";
      }
      return rows;
    }
    return {{{tag::kSeriesInstanceUID, "1.2.3"}}};
  });
  const SearchResult answer = Find(Query(Level::kStudy));
  ASSERT_EQ(answer->size(), 2u);
  EXPECT_EQ(answer->at(0).attributes.Get(tag::kPatientName), "Doe^Jane");
  EXPECT_EQ(answer->at(1).attributes.Get(tag::kPatientName), "Doe^John");
  EXPECT_EQ(questions_[1].keys.Get(tag::kPatientName), "Doe^Jane");
  with_names = false;
  Failure(ErrorCode::kUnsupported);
}

TEST_F(CFindTest, WalksThePatientsInThePatientRootModel) {
  options_.patient_root = true;
  Serve([](const Question& question) -> Rows {
    if (question.level == "PATIENT") {
      return {{{tag::kPatientID, "A*"}, {tag::kPatientName, "Doe^Jane"}},
              {{tag::kPatientID, ""}, {tag::kPatientName, "Doe^Nobody"}}};
    }
    if (question.level == "STUDY") {
      // It takes "A*" for a pattern.
      return {{{tag::kStudyInstanceUID, "1.2"}, {tag::kPatientID, "A*"}, {tag::kPatientName, "Doe^Jane"}},
              {{tag::kStudyInstanceUID, "1.3"}, {tag::kPatientID, "AB"}, {tag::kPatientName, "Doe^Jack"}},
              {{tag::kStudyInstanceUID, "1.4"}, {tag::kPatientID, ""}, {tag::kPatientName, "Doe^Nobody"}}};
    }
    return {{{tag::kSeriesInstanceUID, "1.2.3"}}};
  });
  const SearchResult answer = Find(Query(Level::kStudy).Where("PatientName", "Doe*"));
  ASSERT_EQ(answer->size(), 2u);
  EXPECT_EQ(answer->at(0).uid.str(), "1.2");
  EXPECT_EQ(answer->at(0).attributes.Get(tag::kPatientName), "Doe^Jane");
  EXPECT_EQ(answer->at(1).attributes.Get(tag::kPatientName), "Doe^Nobody");
  EXPECT_THAT(Levels(), ElementsAre("PATIENT", "STUDY", "STUDY"));
  EXPECT_EQ(questions_[1].keys.Get(tag::kPatientID), "A*");
  EXPECT_FALSE(questions_[1].keys.Has(tag::kPatientName));
  // The patient of a study that was listed is known.
  questions_.clear();
  Find(Query::ForStudy({Uid("1.2")}, Level::kSeries));
  EXPECT_THAT(Levels(), ElementsAre("SERIES"));
  EXPECT_EQ(questions_[0].keys.Get(tag::kPatientID), "A*");
}

// --- Extended negotiation ---

FakeScp::Script Agreeing(std::string agreed, std::function<void(FakeConversation&, const FakeMessage&)> answer) {
  return [=](FakeConversation& conversation) {
    internal::AssociatePdu request = conversation.ReceiveRequest();
    for (auto& [sop_class, information] : request.extended) {
      information = agreed;
    }
    conversation.Accept(request);
    while (const auto message = conversation.Receive()) {
      answer(conversation, *message);
    }
  };
}

TEST_F(CFindTest, AsksARelationalQuestionOnlyWhereTheArchiveAgrees) {
  options_.relational = true;
  const auto answer = [this](FakeConversation& conversation, const FakeMessage& request) {
    Ask(request);
    conversation.Respond(request, dimse::kPending,
                         EncodeIdentifier({{tag::kStudyInstanceUID, "1.2"},
                                           {tag::kSeriesInstanceUID, "1.2.3"},
                                           {tag::kSOPInstanceUID, "1.2.3.4"},
                                           {tag::kPatientName, "Doe"}},
                                          true, ""));
    conversation.Respond(request, dimse::kSuccess);
  };
  const Query query = Query(Level::kInstance).Where("PatientName", "Doe");
  ServeScript(Agreeing(std::string("\1\0\0", 3), answer));
  EXPECT_EQ(Find(query)->front().series.at(0).instances.size(), 1u);
  EXPECT_THAT(Levels(), ElementsAre("IMAGE"));
  questions_.clear();
  ServeScript(Agreeing(std::string("\0\0\0", 3), answer));
  Find(query);
  EXPECT_THAT(Levels(), ElementsAre("STUDY", "SERIES", "IMAGE"));
}

TEST_F(CFindTest, MatchesFuzzilyOnlyWhereTheArchiveAgrees) {
  const auto answer = [](FakeConversation& conversation, const FakeMessage& request) {
    auto row = StudyRow("1.2");
    row[tag::kPatientName] = "Meier";
    conversation.Respond(request, dimse::kPending, EncodeIdentifier(row, true, ""));
    conversation.Respond(request, dimse::kSuccess);
  };
  const Query query = Query(Level::kStudy).Where("PatientName", "Maier").SetFuzzy(true);
  ServeScript(Agreeing(std::string("\0\0\1", 3), answer));
  EXPECT_THAT(Studies(query), ElementsAre("1.2"));
  ServeScript(Agreeing(std::string("\1\1", 2), answer));
  Failure(ErrorCode::kUnsupported, query);
}

// --- Enough, and giving up ---

// Sends rows until it is told to stop.
void SendUntilCancelled(FakeConversation& conversation, const FakeMessage& request) {
  if (request.command.field() == dimse::kCCancelRq) {
    CommandSet final_response(dimse::kCFindRsp);
    final_response
        .SetNumber(dimse::kMessageIdBeingRespondedTo, *request.command.Number(dimse::kMessageIdBeingRespondedTo))
        .SetNumber(dimse::kStatus, dimse::kCancel);
    conversation.Send(request.context_id, final_response);
    return;
  }
  for (int i = 1; i <= 20; ++i) {
    conversation.Respond(request, dimse::kPending,
                         EncodeIdentifier({{tag::kStudyInstanceUID, StrCat("1.2.", i)}}, true, ""));
  }
}

TEST_F(CFindTest, EndsTheQuestionWhenItHasEnough) {
  ServeBy(SendUntilCancelled);
  EXPECT_THAT(Studies(Query(Level::kStudy).SetLimit(2)), ElementsAre("1.2.1", "1.2.2"));
  EXPECT_THAT(Studies(Query(Level::kStudy).SetLimit(2).SetOffset(3)), ElementsAre("1.2.4", "1.2.5"));
  EXPECT_THAT(Studies(Query(Level::kStudy).SetLimit(0)), IsEmpty());
  EXPECT_EQ(scp_->connections(), 1);  // it could be used again
}

TEST_F(CFindTest, TellsTheArchiveWhenTheCallerGoes) {
  std::atomic<bool> told{false};
  std::stop_source stop;
  ServeScript([&](FakeConversation& conversation) {
    conversation.Accept(conversation.ReceiveRequest());
    conversation.Receive();
    stop.request_stop();
    const auto next = conversation.Receive();
    told = next && next->command.field() == dimse::kCCancelRq;
    conversation.WaitForEnd();
  });
  Failure(ErrorCode::kCancelled, Query(Level::kStudy), {stop.get_token()});
  EXPECT_EQ(scp_->WaitForEnds(1).front(), "abort");
  EXPECT_TRUE(told);
}

TEST_F(CFindTest, GivesUpOnAnArchiveThatFallsSilent) {
  ServeBy([](FakeConversation& conversation, const FakeMessage& request) {
    conversation.Respond(request, dimse::kPending, EncodeIdentifier(StudyRow("1.2"), true, ""));
  });
  Failure(ErrorCode::kTimedOut, Query(Level::kStudy), Context::WithTimeout(50ms));
  options_.query_timeout = 50ms;
  ServeBy([](FakeConversation&, const FakeMessage&) {});
  Failure(ErrorCode::kTimedOut);
}

TEST_F(CFindTest, AsksOnTheSameAssociationAgain) {
  ServeStatus(0, {StudyRow("1.2")});
  Studies();
  Studies();
  EXPECT_EQ(scp_->connections(), 1);
}

}  // namespace
}  // namespace trolley

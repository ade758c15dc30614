#include "trolley/caching_searcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/mutex.h"
#include "search/result_store.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using namespace std::chrono_literals;

constexpr auto kHang = 20s;  // much longer than anything here takes

SearchResult ResultWith(const std::string& uid) {
  return std::make_shared<const Studies>(Studies{{Uid(uid), {}, {}}});
}

// A searcher that does what the test says, and waits at a gate when told to.
class ScriptedSearcher : public Searcher {
 public:
  SearchResult Find(const Query& query, const Context& context) override {
    std::unique_lock lock(mutex_);
    ++calls_;
    last_ = query;
    changed_.notify_all();
    if (!changed_.wait_for(lock, context.stop, kHang, [&] { return open_; })) {
      ++stopped_;
      changed_.notify_all();
      throw Error(ErrorCode::kCancelled, "Cannot search: stopped");
    }
    if (failure_) {
      throw Error(*failure_, "Cannot search: scripted");
    }
    return result_;
  }

  void Give(SearchResult result) {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    failure_.reset();
  }
  void FailWith(ErrorCode code) {
    const std::lock_guard lock(mutex_);
    failure_ = code;
  }
  void Hold() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void LetGo() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  bool WaitForCalls(int calls) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kHang, [&] { return calls_ >= calls; });
  }
  bool WaitForStopped(int stopped) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kHang, [&] { return stopped_ >= stopped; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  SearchResult result_ = ResultWith("1");
  std::optional<ErrorCode> failure_;
  std::optional<Query> last_;
  bool open_ = true;
  int calls_ = 0;
  int stopped_ = 0;
};

class MemoryStore : public ResultStore {
 public:
  std::optional<ResultWithTime> Load(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    const auto found = stored_.find(std::string(key));
    return found == stored_.end() ? std::nullopt : ParseResult(found->second);
  }
  void Save(std::string_view key, const ResultWithTime& result) override {
    const std::lock_guard lock(mutex_);
    stored_[std::string(key)] = SerializeResult(result);
  }
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return stored_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> stored_;
};

class CachingSearcherTest : public ::testing::Test {
 protected:
  CachingSearcherTest() {
    options.expiry = 600s;
    options.stale_wait = kHang;
    options.probe_interval = 0ms;
    options.now = [this] { return std::chrono::system_clock::time_point(std::chrono::seconds(now)); };
  }

  CachingSearcher& Open() {
    cached.reset();
    cached = std::make_unique<CachingSearcher>(archive, store, options);
    return *cached;
  }
  // The UID of the result, "" when it is empty, with a "*" when it is stale.
  std::string Find(const Query& query = Query()) {
    const CachedResult found = cached->FindWithTime(query, Context::WithTimeout(kHang));
    return (found.studies->empty() ? "" : found.studies->front().uid.str()) + (found.stale ? "*" : "");
  }
  ErrorCode FindFails(const Query& query = Query(), const Context& context = Context::WithTimeout(kHang)) {
    try {
      cached->FindWithTime(query, context);
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "expected a failure";
    return ErrorCode::kStorage;
  }
  bool Eventually(const std::function<bool()>& holds) {
    const auto deadline = Clock::now() + kHang;
    while (!holds() && Clock::now() < deadline) {
      std::this_thread::sleep_for(1ms);
    }
    return holds();
  }
  void MakeDown() {
    archive->FailWith(ErrorCode::kUnavailable);
    EXPECT_EQ(FindFails(Query().Where("PatientID", "never resulted")), ErrorCode::kUnavailable);
    EXPECT_TRUE(cached->ArchiveIsDown());
  }

  std::atomic<int64_t> now{1000000};
  std::shared_ptr<ScriptedSearcher> archive = std::make_shared<ScriptedSearcher>();
  std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>();
  CachingSearcherOptions options;
  std::unique_ptr<CachingSearcher> cached;
};

TEST_F(CachingSearcherTest, AsksOnceWithinTheExpiry) {
  Open();
  EXPECT_EQ(Find(), "1");
  archive->Give(ResultWith("2"));
  now += 599;
  EXPECT_EQ(Find(), "1");
  EXPECT_EQ(archive->calls(), 1);
  now += 1;
  EXPECT_EQ(Find(), "2");
  EXPECT_EQ(archive->calls(), 2);
}

TEST_F(CachingSearcherTest, DifferentQueriesAreDifferentEntries) {
  Open();
  Find(Query(Level::kStudy));
  Find(Query(Level::kSeries));
  Find(Query().Where("PatientID", "1"));
  Find(Query().Include("PatientID"));
  EXPECT_EQ(archive->calls(), 4);
}

TEST_F(CachingSearcherTest, AnEmptyResultIsRememberedAndExpires) {
  Open();
  archive->Give(std::make_shared<const Studies>());
  EXPECT_EQ(Find(), "");
  archive->Give(ResultWith("2"));
  EXPECT_EQ(Find(), "");
  now += 600;
  EXPECT_EQ(Find(), "2");
}

TEST_F(CachingSearcherTest, AFailureIsNotRemembered) {
  Open();
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kTimedOut, ErrorCode::kProtocol,
                               ErrorCode::kAccessDenied, ErrorCode::kTooMany, ErrorCode::kUnsupported}) {
    archive->FailWith(code);
    EXPECT_EQ(FindFails(), code);
  }
  EXPECT_EQ(store->size(), 0U);
  archive->Give(ResultWith("2"));
  EXPECT_EQ(Find(), "2");
  EXPECT_FALSE(cached->ArchiveIsDown());
}

TEST_F(CachingSearcherTest, FiftyEqualQueriesAreAskedOnce) {
  Open();
  archive->Hold();
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([&] { right += Find() == "1"; });
  }
  EXPECT_TRUE(archive->WaitForCalls(1));
  archive->LetGo();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(right, 50);
  EXPECT_EQ(archive->calls(), 1);
}

TEST_F(CachingSearcherTest, FiftyEqualQueriesThatFailAllGetTheFailure) {
  Open();
  archive->FailWith(ErrorCode::kAccessDenied);
  archive->Hold();
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([&] { right += FindFails() == ErrorCode::kAccessDenied; });
  }
  EXPECT_TRUE(archive->WaitForCalls(1));
  archive->LetGo();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(right, 50);
}

TEST_F(CachingSearcherTest, AWaiterThatGivesUpLeavesTheOthersWaiting) {
  Open();
  archive->Hold();
  std::string found;
  std::thread patient([&] { found = Find(); });
  EXPECT_TRUE(archive->WaitForCalls(1));
  std::stop_source stop;
  std::thread impatient([&] { EXPECT_EQ(FindFails(Query(), {stop.get_token()}), ErrorCode::kCancelled); });
  stop.request_stop();
  impatient.join();
  archive->LetGo();
  patient.join();
  EXPECT_EQ(found, "1");
  EXPECT_EQ(archive->calls(), 1);
}

TEST_F(CachingSearcherTest, TheQueryIsStoppedWhenTheLastWaiterGoes) {
  Open();
  archive->Hold();
  std::stop_source stop;
  std::thread waiter([&] { EXPECT_EQ(FindFails(Query(), {stop.get_token()}), ErrorCode::kCancelled); });
  EXPECT_TRUE(archive->WaitForCalls(1));
  stop.request_stop();
  waiter.join();
  EXPECT_TRUE(archive->WaitForStopped(1));
  archive->LetGo();
  EXPECT_EQ(Find(), "1");
  EXPECT_FALSE(cached->ArchiveIsDown());
}

TEST_F(CachingSearcherTest, AWaiterEndsAtItsDeadline) {
  Open();
  archive->Hold();
  EXPECT_EQ(FindFails(Query(), Context::WithTimeout(20ms)), ErrorCode::kTimedOut);
  EXPECT_TRUE(archive->WaitForStopped(1));
}

// What a callback of FindAsync got.
class Outcome {
 public:
  FindCallback Callback() {
    return [this](FindOutcome found) {
      const MutexLock lock(mutex_);
      ++calls_;
      thread_ = std::this_thread::get_id();
      found_ = std::move(found);
      arrived_.NotifyAll();
    };
  }
  bool Wait() {
    MutexLock lock(mutex_);
    return arrived_.WaitFor(lock, kHang, [this]() TROLLEY_REQUIRES(mutex_) { return calls_ > 0; });
  }
  int calls() {
    const MutexLock lock(mutex_);
    return calls_;
  }
  bool OnThisThread() {
    const MutexLock lock(mutex_);
    return thread_ == std::this_thread::get_id();
  }
  // The UID that was found, with a "*" when it is stale.
  std::string Uid() {
    const MutexLock lock(mutex_);
    return found_.result ? found_.result->studies->front().uid.str() + (found_.result->stale ? "*" : "") : "";
  }
  std::optional<ErrorCode> Error() {
    const MutexLock lock(mutex_);
    try {
      std::move(found_).Get();
      return std::nullopt;
    } catch (const trolley::Error& error) {
      return error.code();
    }
  }

 private:
  Mutex mutex_;
  Condition arrived_;
  int calls_ TROLLEY_GUARDED_BY(mutex_) = 0;
  std::thread::id thread_ TROLLEY_GUARDED_BY(mutex_);
  FindOutcome found_ TROLLEY_GUARDED_BY(mutex_);
};

TEST_F(CachingSearcherTest, AFreshResultIsDeliveredOnTheCallersThread) {
  Open();
  Find();
  Outcome outcome;
  cached->FindAsync(Query(), {}, outcome.Callback());
  ASSERT_EQ(outcome.calls(), 1);
  EXPECT_TRUE(outcome.OnThisThread());
  EXPECT_EQ(outcome.Uid(), "1");
}

TEST_F(CachingSearcherTest, FindAsyncReturnsWhileTheArchiveHangs) {
  Open();
  archive->Hold();
  Outcome outcome;
  cached->FindAsync(Query(), {}, outcome.Callback());
  EXPECT_TRUE(archive->WaitForCalls(1));
  EXPECT_EQ(outcome.calls(), 0);
  archive->LetGo();
  ASSERT_TRUE(outcome.Wait());
  EXPECT_FALSE(outcome.OnThisThread());
  EXPECT_EQ(outcome.Uid(), "1");
}

TEST_F(CachingSearcherTest, AFailureIsDeliveredToEveryCallback) {
  Open();
  archive->FailWith(ErrorCode::kAccessDenied);
  archive->Hold();
  std::vector<Outcome> outcomes(5);
  for (Outcome& outcome : outcomes) {
    cached->FindAsync(Query(), {}, outcome.Callback());
  }
  archive->LetGo();
  for (Outcome& outcome : outcomes) {
    ASSERT_TRUE(outcome.Wait());
    EXPECT_EQ(outcome.Error(), ErrorCode::kAccessDenied);
  }
  EXPECT_EQ(archive->calls(), 1);
}

TEST_F(CachingSearcherTest, AStoppedCallerGetsItsCallbackAndTheOthersGoOnWaiting) {
  Open();
  archive->Hold();
  std::stop_source stop;
  Outcome stopped;
  Outcome patient;
  cached->FindAsync(Query(), {}, patient.Callback());
  cached->FindAsync(Query(), {stop.get_token()}, stopped.Callback());
  stop.request_stop();
  ASSERT_TRUE(stopped.Wait());
  EXPECT_EQ(stopped.Error(), ErrorCode::kCancelled);
  EXPECT_EQ(patient.calls(), 0);
  archive->LetGo();
  ASSERT_TRUE(patient.Wait());
  EXPECT_EQ(patient.Uid(), "1");
  EXPECT_EQ(archive->calls(), 1);
}

TEST_F(CachingSearcherTest, ACallerThatIsStoppedAlreadyQueriesNobody) {
  Open();
  std::stop_source stop;
  stop.request_stop();
  Outcome outcome;
  cached->FindAsync(Query(), {stop.get_token()}, outcome.Callback());
  ASSERT_EQ(outcome.calls(), 1);
  EXPECT_EQ(outcome.Error(), ErrorCode::kCancelled);
  EXPECT_EQ(archive->calls(), 0);
}

TEST_F(CachingSearcherTest, DeadlinesCountPerCallerEvenWhenNoThreadIsFree) {
  Open();
  archive->Hold();
  std::vector<Outcome> outcomes(100);
  int limit = 0;
  for (Outcome& outcome : outcomes) {
    cached->FindAsync(Query().SetLimit(++limit), {}, outcome.Callback());
  }
  EXPECT_TRUE(archive->WaitForCalls(16));
  Outcome late;
  cached->FindAsync(Query().SetLimit(100), Context::WithTimeout(1ms), late.Callback());
  ASSERT_TRUE(late.Wait());
  EXPECT_EQ(late.Error(), ErrorCode::kTimedOut);
  archive->LetGo();
  for (Outcome& outcome : outcomes) {
    ASSERT_TRUE(outcome.Wait());
    EXPECT_EQ(outcome.Uid(), "1");
  }
  EXPECT_EQ(archive->calls(), 100);
}

TEST_F(CachingSearcherTest, EveryCallbackIsCalledBeforeTheSearcherIsGone) {
  Open();
  archive->Hold();
  std::vector<Outcome> outcomes(40);
  int limit = 0;
  for (Outcome& outcome : outcomes) {
    cached->FindAsync(Query().SetLimit(++limit), {}, outcome.Callback());
  }
  cached.reset();
  for (Outcome& outcome : outcomes) {
    ASSERT_EQ(outcome.calls(), 1);
    EXPECT_EQ(outcome.Error(), ErrorCode::kCancelled);
  }
}

TEST_F(CachingSearcherTest, ACallbackMayCallTheSearcherAndStopItself) {
  Open();
  std::stop_source stop;
  Outcome second;
  cached->FindAsync(Query(), {stop.get_token()}, [&](FindOutcome found) {
    EXPECT_TRUE(found.result);
    stop.request_stop();
    cached->FindAsync(Query().SetLimit(1), {}, second.Callback());
  });
  ASSERT_TRUE(second.Wait());
  EXPECT_EQ(second.Uid(), "1");
}

TEST_F(CachingSearcherTest, AQueryEndsAtItsTimeout) {
  options.query_timeout = 20ms;
  class Patient : public Searcher {
   public:
    SearchResult Find(const Query&, const Context& context) override {
      while (true) {
        context.Check("search");
        std::this_thread::sleep_for(1ms);
      }
    }
  };
  cached = std::make_unique<CachingSearcher>(std::make_shared<Patient>(), store, options);
  EXPECT_EQ(FindFails(Query(), {}), ErrorCode::kTimedOut);
  EXPECT_TRUE(cached->ArchiveIsDown());
}

TEST_F(CachingSearcherTest, ServesAStaleResultWhileTheArchiveIsOutOfReach) {
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kTimedOut}) {
    Open();
    archive->Give(ResultWith("1"));
    now += 600;
    EXPECT_EQ(Find(), "1");
    now += 600;
    archive->FailWith(code);
    EXPECT_EQ(Find(), "1*");
    EXPECT_TRUE(cached->ArchiveIsDown());
    EXPECT_EQ(Find(), "1*");
  }
}

TEST_F(CachingSearcherTest, ThrowsWhatIsNoOutageInsteadOfServingAStaleResult) {
  Open();
  EXPECT_EQ(Find(), "1");
  now += 600;
  for (const ErrorCode code : {ErrorCode::kProtocol, ErrorCode::kAccessDenied, ErrorCode::kTooMany,
                               ErrorCode::kUnsupported, ErrorCode::kInvalidArgument}) {
    archive->FailWith(code);
    EXPECT_EQ(FindFails(), code);
    EXPECT_FALSE(cached->ArchiveIsDown());
  }
  archive->FailWith(ErrorCode::kUnavailable);
  EXPECT_EQ(Find(), "1*");
}

TEST_F(CachingSearcherTest, ServesAStaleResultWhenTheRenewalIsSlowAndRenewsInTheBackground) {
  options.stale_wait = 10ms;
  Open();
  EXPECT_EQ(Find(), "1");
  now += 600;
  archive->Give(ResultWith("2"));
  archive->Hold();
  EXPECT_EQ(Find(), "1*");
  EXPECT_EQ(Find(), "1*");
  EXPECT_EQ(archive->calls(), 2);
  archive->LetGo();
  EXPECT_TRUE(Eventually([&] { return cached->GetFresh(Query()).has_value(); }));
  EXPECT_EQ(Find(), "2");
  EXPECT_EQ(archive->calls(), 2);
}

TEST_F(CachingSearcherTest, RenewalsInTheBackgroundLeaveThreadsForOthers) {
  options.stale_wait = 1ms;
  Open();
  for (int i = 0; i < 40; ++i) {
    Find(Query().SetLimit(i + 1));
  }
  now += 600;
  archive->Hold();
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(Find(Query().SetLimit(i + 1)), "1*");
  }
  const int before = archive->calls();
  std::thread asker([&] { EXPECT_EQ(Find(Query().Where("PatientID", "new")), "1"); });
  EXPECT_TRUE(archive->WaitForCalls(before + 1));
  archive->LetGo();
  asker.join();
}

TEST_F(CachingSearcherTest, GetFreshQueriesNobody) {
  Open();
  EXPECT_FALSE(cached->GetFresh(Query()));
  EXPECT_FALSE(cached->GetCached(Query()));
  Find();
  EXPECT_TRUE(cached->GetFresh(Query()));
  now += 600;
  EXPECT_FALSE(cached->GetFresh(Query()));
  const auto any = cached->GetCached(Query());
  ASSERT_TRUE(any);
  EXPECT_TRUE(any->stale);
  EXPECT_EQ(any->fetched_at, std::chrono::system_clock::time_point(1000000s));
  EXPECT_EQ(archive->calls(), 1);
}

TEST_F(CachingSearcherTest, GetFreshServesStaleResultsWhileTheArchiveIsDownAndNoticesItsReturn) {
  Open();
  Find();
  now += 600;
  MakeDown();
  archive->Hold();
  const auto peeked = cached->GetFresh(Query());
  ASSERT_TRUE(peeked);
  EXPECT_TRUE(peeked->stale);
  EXPECT_EQ(Find(), "1*");
  archive->Give(ResultWith("2"));
  archive->LetGo();
  EXPECT_TRUE(Eventually([&] {
    const auto found = cached->GetFresh(Query());
    return found && !found->stale;
  }));
  EXPECT_EQ(Find(), "2");
  EXPECT_FALSE(cached->ArchiveIsDown());
}

TEST_F(CachingSearcherTest, ProbesADownArchiveNotTooOften) {
  options.probe_interval = 1h;
  Open();
  Find();
  now += 600;
  MakeDown();
  const int before = archive->calls();
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(cached->GetFresh(Query()));
    EXPECT_EQ(Find(), "1*");
  }
  EXPECT_EQ(archive->calls(), before);
}

TEST_F(CachingSearcherTest, AHardQueryThatTimesOutDoesNotMakeTheArchiveDown) {
  options.stale_wait = 1ms;
  class OneIsHard : public Searcher {
   public:
    SearchResult Find(const Query& query, const Context& context) override {
      if (query.Get(tag::kPatientID).empty()) {
        return ResultWith("1");
      }
      asked = true;
      while (!give_up) {
        context.Check("search");
        std::this_thread::sleep_for(1ms);
      }
      throw Error(ErrorCode::kTimedOut, "Cannot search: too hard");
    }
    std::atomic<bool> asked{false};
    std::atomic<bool> give_up{false};
  };
  const auto searcher = std::make_shared<OneIsHard>();
  cached = std::make_unique<CachingSearcher>(searcher, store, options);
  std::thread asker([&] { EXPECT_EQ(FindFails(Query().Where("PatientID", "hard")), ErrorCode::kTimedOut); });
  EXPECT_TRUE(Eventually([&] { return searcher->asked.load(); }));
  EXPECT_EQ(Find(), "1");
  searcher->give_up = true;
  asker.join();
  EXPECT_FALSE(cached->ArchiveIsDown());
}

TEST_F(CachingSearcherTest, ExpireAllLetsEveryResultExpire) {
  Open();
  Find();
  cached->ExpireAll();
  EXPECT_FALSE(cached->GetFresh(Query()));
  archive->Give(ResultWith("2"));
  EXPECT_EQ(Find(), "2");
  EXPECT_EQ(Find(), "2");
  EXPECT_EQ(archive->calls(), 2);
  cached->ExpireAll();
  archive->FailWith(ErrorCode::kUnavailable);
  EXPECT_EQ(Find(), "2*");
}

TEST_F(CachingSearcherTest, AResultAskedBeforeExpireAllIsExpired) {
  Open();
  archive->Hold();
  std::thread asker([&] { EXPECT_EQ(Find(), "1"); });
  EXPECT_TRUE(archive->WaitForCalls(1));
  cached->ExpireAll();
  std::thread later([&] { EXPECT_EQ(Find(), "1"); });
  EXPECT_TRUE(archive->WaitForCalls(2));
  archive->LetGo();
  asker.join();
  later.join();
  EXPECT_EQ(archive->calls(), 2);
}

TEST_F(CachingSearcherTest, AResultFromTheFutureIsExpired) {
  Open();
  Find();
  now -= 1;
  EXPECT_FALSE(cached->GetFresh(Query()));
  archive->Give(ResultWith("2"));
  EXPECT_EQ(Find(), "2");
}

TEST_F(CachingSearcherTest, ResultsSurviveARestartInTheStore) {
  Open();
  Find();
  Open();
  EXPECT_TRUE(cached->GetFresh(Query()));
  EXPECT_EQ(Find(), "1");
  EXPECT_EQ(archive->calls(), 1);
  now += 600;
  Open();
  EXPECT_FALSE(cached->GetFresh(Query()));
  archive->FailWith(ErrorCode::kUnavailable);
  EXPECT_EQ(Find(), "1*");
}

TEST_F(CachingSearcherTest, ExpireAllHoldsForResultsThatAreOnlyInTheStore) {
  Open();
  Find();
  Open();
  cached->ExpireAll();
  EXPECT_FALSE(cached->GetFresh(Query()));
}

TEST_F(CachingSearcherTest, KeepsABoundedNumberOfRowsInMemory) {
  options.max_memory_rows = 10;  // an result counts for two: its study and itself
  store.reset();
  Open();
  for (int i = 1; i <= 6; ++i) {
    Find(Query().SetLimit(i));
  }
  EXPECT_FALSE(cached->GetCached(Query().SetLimit(1)));
  for (int i = 2; i <= 6; ++i) {
    EXPECT_TRUE(cached->GetCached(Query().SetLimit(i)));
  }
}

TEST_F(CachingSearcherTest, EndsWhileAQueryIsUnderWay) {
  options.stale_wait = 1ms;
  Open();
  Find();
  now += 600;
  archive->Hold();
  EXPECT_EQ(Find(), "1*");
  cached.reset();
  EXPECT_TRUE(archive->WaitForStopped(1));
}

TEST_F(CachingSearcherTest, AStrangeExceptionIsAFailureToo) {
  class Strange : public Searcher {
   public:
    SearchResult Find(const Query&, const Context&) override { throw std::runtime_error("strange"); }
  };
  cached = std::make_unique<CachingSearcher>(std::make_shared<Strange>(), store, options);
  EXPECT_EQ(FindFails(), ErrorCode::kProtocol);
}

// The seed's bug 11: there, an empty result is kept for ever, and the age of others wraps every day.
TEST_F(CachingSearcherTest, ResultsStayExpiredAfterADay) {
  Open();
  EXPECT_EQ(Find(), "1");
  archive->Give(std::make_shared<const Studies>());
  EXPECT_EQ(Find(Query(Level::kSeries)), "");
  archive->Give(ResultWith("2"));
  now += 24 * 3600 + 1;
  EXPECT_EQ(Find(), "2");
  EXPECT_EQ(Find(Query(Level::kSeries)), "2");
}

// Queries about single studies and series, resulted from what others have asked. Expiry: 300 s.
class CachedStudyTest : public CachingSearcherTest {
 protected:
  CachedStudyTest() {
    options.expiry = 300s;
    Open();
  }

  static SearchResult Tree(Level level, const std::string& id, bool alone) {
    Study study{Uid("1"), {{tag::kPatientID, id}}, {}};
    for (const Tag tag : {tag::kStudyDate, tag::kStudyTime, tag::kAccessionNumber, tag::kPatientName, tag::kStudyID}) {
      study.attributes.Set(tag, "");
    }
    if (level > Level::kStudy) {
      for (const char* uid : {"1.1", "1.2"}) {
        study.series.push_back({Uid(uid), {{tag::kModality, "CT"}, {tag::kSeriesNumber, "1"}}, {}});
      }
    }
    if (level > Level::kSeries) {
      study.series[0].instances.push_back({Uid("1.1.1"), {}, {}});
      study.series[1].instances.push_back({Uid("1.2.1"), {}, {}});
    }
    Studies studies(alone ? 0 : 1, Study{Uid("7"), {}, {}});
    studies.push_back(std::move(study));
    return std::make_shared<const Studies>(std::move(studies));
  }
  // The archive is asked, and results with study 1 down to the query's level.
  void Ask(const Query& query, const std::string& id = "first") {
    archive->Give(Tree(query.level(), id, !query.Get(tag::kStudyInstanceUID).empty()));
    const int before = archive->calls();
    cached->Find(query, Context::WithTimeout(kHang));
    EXPECT_EQ(archive->calls(), before + 1) << query.Describe();
  }
  // What is known of study 1, without asking: its PatientID, series and instances; "" when the archive has to be asked.
  std::string Known(const Query& query) {
    const auto found = cached->GetFresh(query);
    if (!found || found->stale) {
      return "";
    }
    EXPECT_EQ(found->studies->size(), 1U);
    const Study& study = found->studies->front();
    std::string said(study.attributes.Get(tag::kPatientID));
    for (const Series& series : study.series) {
      said += " " + series.uid.str() + ":" + std::to_string(series.instances.size());
    }
    return said;
  }
  static Query ById(Level level) { return Query::ForStudy({Uid("1")}, level); }
  static Query All(Level level) { return Query(level).Where("PatientName", "B*"); }
};

TEST_F(CachedStudyTest, IsKnownFromAnyResultThatHoldsIt) {
  Ask(All(Level::kStudy));
  EXPECT_EQ(Known(ById(Level::kStudy)), "first");
  EXPECT_EQ(Known(ById(Level::kSeries)), "");
  EXPECT_FALSE(cached->GetFresh(Query::ForStudy({Uid("2")}, Level::kStudy)));
}

TEST_F(CachedStudyTest, IsKnownFromADeeperResult) {
  Ask(ById(Level::kInstance));
  EXPECT_EQ(Known(ById(Level::kStudy)), "first");
  EXPECT_EQ(Known(ById(Level::kSeries)), "first 1.1:0 1.2:0");
  EXPECT_EQ(Known(Query::ForSeries({Uid("1"), Uid("1.2")})), "first 1.2:1");
  EXPECT_FALSE(cached->GetFresh(Query::ForSeries({Uid("1"), Uid("1.3")})));
}

TEST_F(CachedStudyTest, AShallowerResultTakesNothingFromADeeperOne) {
  Ask(All(Level::kInstance), "deep");
  now += 200;
  Ask(All(Level::kStudy), "shallow");
  EXPECT_EQ(Known(ById(Level::kInstance)), "deep 1.1:1 1.2:1");
  EXPECT_EQ(Known(ById(Level::kStudy)), "shallow");  // the younger one
  now += 200;
  EXPECT_EQ(Known(ById(Level::kInstance)), "");
  EXPECT_EQ(Known(ById(Level::kStudy)), "shallow");
}

TEST_F(CachedStudyTest, APartRenewedOutlivesTheWhole) {
  Ask(ById(Level::kSeries));
  now += 200;
  Ask(Query::ForSeries({Uid("1"), Uid("1.2")}), "part");
  EXPECT_EQ(Known(ById(Level::kSeries)), "first 1.1:0 1.2:0");
  now += 200;
  EXPECT_EQ(Known(ById(Level::kSeries)), "");
  EXPECT_NE(Known(Query::ForSeries({Uid("1"), Uid("1.2")})), "");
  now += 100;
  EXPECT_EQ(Known(Query::ForSeries({Uid("1"), Uid("1.2")})), "");
}

TEST_F(CachedStudyTest, IsAsOldAsTheResultItComesFrom) {
  Ask(All(Level::kSeries));
  now += 299;
  EXPECT_EQ(Known(ById(Level::kStudy)), "first");
  now += 1;
  EXPECT_EQ(Known(ById(Level::kStudy)), "");
}

TEST_F(CachedStudyTest, IsTheSameResultEachTime) {
  Ask(All(Level::kSeries));
  EXPECT_EQ(cached->GetFresh(ById(Level::kStudy))->studies, cached->GetFresh(ById(Level::kStudy))->studies);
}

TEST_F(CachedStudyTest, IsNotKnownFromWhatLeftSomethingOut) {
  Ask(All(Level::kInstance).SetLimit(2));
  EXPECT_EQ(Known(ById(Level::kSeries)), "");
  Ask(All(Level::kSeries).Where("Modality", "CT"));
  EXPECT_EQ(Known(ById(Level::kSeries)), "");
  Ask(All(Level::kSeries).Where("ModalitiesInStudy", "CT"));
  EXPECT_EQ(Known(ById(Level::kSeries)), "");
  Ask(ById(Level::kSeries).Where("PatientID", "7"));
  EXPECT_EQ(Known(ById(Level::kSeries).Where("PatientID", "8")), "");
}

TEST_F(CachedStudyTest, IsNotKnownWithoutTheFieldsThatAreAskedFor) {
  Ask(All(Level::kStudy));
  EXPECT_EQ(Known(ById(Level::kStudy).Include("PatientBirthDate")), "");
  Ask(All(Level::kStudy).Include("PatientBirthDate").Include("StudyDescription"));
  EXPECT_EQ(Known(ById(Level::kStudy).Include("PatientBirthDate")), "first");
  // A deeper result that does not tell of the study.
  Ask(ById(Level::kInstance).Include("PatientBirthDate").Include("PatientSex"));
  EXPECT_EQ(Known(ById(Level::kStudy).Include("PatientSex")), "");
}

TEST_F(CachedStudyTest, ExpiresWithAllOthers) {
  Ask(All(Level::kStudy));
  cached->ExpireAll();
  EXPECT_EQ(Known(ById(Level::kStudy)), "");
}

TEST_F(CachedStudyTest, IsForgottenWithItsResult) {
  options.max_memory_rows = 4;
  store = nullptr;
  Open();
  Ask(All(Level::kStudy));
  archive->Give(ResultWith("9"));
  Find(Query());
  Find(Query().SetLimit(3));
  EXPECT_EQ(Known(ById(Level::kStudy)), "");
}

}  // namespace
}  // namespace trolley

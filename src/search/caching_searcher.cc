#include "search/caching_searcher.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "search/result_memory.h"

namespace trolley {
namespace {

using WallTime = std::chrono::system_clock::time_point;

constexpr size_t kQuestionsAtATime = 16;
// Of these, questions that nobody waits for: a hanging archive must not take all threads.
constexpr size_t kRenewalsInBackground = 4;

bool MeansDown(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kTimedOut;
}

// The archive said no, or nonsense: it is there. Other errors tell nothing of it.
bool MeansUp(ErrorCode code) {
  return code == ErrorCode::kAccessDenied || code == ErrorCode::kTooMany || code == ErrorCode::kProtocol;
}

struct Failure {
  ErrorCode code;
  std::string message;
};

// A question under way, shared by all who ask it.
struct Question {
  explicit Question(Query its_query) : query(std::move(its_query)) {}

  const Query query;
  std::stop_source stop;
  std::condition_variable_any ended;
  // Guarded by the searcher's mutex.
  size_t waiters = 0;
  bool in_background = false;
  bool done = false;
  std::optional<CachedResult> answer;
  std::optional<Failure> failure;
  uint64_t generation = 0;      // of the cache when it was asked
  uint64_t answers_before = 0;  // how many the archive had given
};

}  // namespace

class CachingSearcher::Impl {
 public:
  Impl(std::shared_ptr<Searcher> searcher, std::shared_ptr<ResultStore> store, CachingSearcherOptions options)
      : searcher_(std::move(searcher)),
        store_(std::move(store)),
        options_(std::move(options)),
        memory_(options_.max_memory_rows),
        pool_(kQuestionsAtATime, "search") {}

  CachedResult Find(const Query& query, const Context& context) {
    auto known = Recall(query);
    std::unique_lock lock(mutex_);
    if (auto newest = RecallFromMemory(query)) {
      known = std::move(newest);
    }
    if (known && !known->stale) {
      return *known;
    }
    if (known && down_) {
      Probe(query);
      return *known;
    }
    const std::shared_ptr<Question> question = Ask(query);
    ++question->waiters;
    Wait(lock, *question, context, known.has_value());
    --question->waiters;
    if (!question->done) {
      return Leave(question, known, context);
    }
    if (question->answer) {
      return *question->answer;
    }
    if (known && MeansDown(question->failure->code)) {
      return *known;
    }
    throw Error(question->failure->code, question->failure->message);
  }

  std::optional<CachedResult> GetFresh(const Query& query) {
    auto known = Recall(query);
    if (known && known->stale) {
      const std::lock_guard lock(mutex_);
      if (!down_) {
        return std::nullopt;
      }
      Probe(query);
    }
    return known;
  }

  // What is remembered, however old, in memory or in the store.
  std::optional<CachedResult> Recall(const Query& query) {
    {
      const std::lock_guard lock(mutex_);
      if (auto remembered = RecallFromMemory(query)) {
        return remembered;
      }
    }
    auto stored = store_ == nullptr ? std::nullopt : store_->Load(query.CacheKey());
    if (!stored) {
      return std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    // Unless the archive answered meanwhile.
    if (auto remembered = RecallFromMemory(query)) {
      return remembered;
    }
    const uint64_t generation = stored->fetched_at > all_expired_at_ ? generation_ : 0;
    memory_.Insert({query, stored->answer, stored->fetched_at, generation});
    return RecallFromMemory(query);
  }

  void ExpireAll() {
    const std::lock_guard lock(mutex_);
    ++generation_;
    all_expired_at_ = options_.now();
  }

  bool IsDown() const {
    const std::lock_guard lock(mutex_);
    return down_;
  }

 private:
  std::optional<CachedResult> RecallFromMemory(const Query& query) {
    const RememberedResult* known = memory_.Find(query);
    if (known != nullptr && !IsExpired(*known)) {
      return CachedResult{known->answer, known->fetched_at, false};
    }
    // Kept as the answer to this question from now on, so that it is the same one each time.
    if (auto covering = memory_.FindCovering(query, [this](const auto& other) { return !IsExpired(other); })) {
      memory_.Insert(*covering);
      return CachedResult{covering->answer, covering->fetched_at, false};
    }
    return known == nullptr ? std::nullopt : std::optional(CachedResult{known->answer, known->fetched_at, true});
  }

  bool IsExpired(const RememberedResult& known) const {
    const WallTime now = options_.now();
    // An answer from the future: the clock was set back, and its age is unknown.
    return known.generation != generation_ || known.fetched_at > now || now - known.fetched_at >= options_.expiry;
  }

  // The question under way, or a new one.
  std::shared_ptr<Question> Ask(const Query& query) {
    const auto found = questions_.find(query);
    if (found != questions_.end() && found->second->generation == generation_) {
      return found->second;
    }
    auto question = std::make_shared<Question>(query);
    question->generation = generation_;
    question->answers_before = answers_;
    questions_.insert_or_assign(query, question);
    pool_.Submit([this, question](std::stop_token stop) { Run(*question, std::move(stop)); });
    return question;
  }

  // The archive is down: is it back?
  void Probe(const Query& query) {
    const Clock::time_point now = Clock::now();
    if (in_background_ >= kRenewalsInBackground || now < next_probe_) {
      return;
    }
    next_probe_ = now + options_.probe_interval;
    const auto question = Ask(query);
    if (!question->in_background) {
      question->in_background = true;
      ++in_background_;
    }
  }

  void Wait(std::unique_lock<std::mutex>& lock, Question& question, const Context& context, bool stale_will_do) {
    Clock::time_point until = context.deadline;
    if (stale_will_do) {
      until = std::min(until, Clock::now() + options_.stale_wait);
    }
    const auto done = [&] { return question.done; };
    if (until == Clock::time_point::max()) {
      question.ended.wait(lock, context.stop, done);
    } else {
      question.ended.wait_until(lock, context.stop, until, done);
    }
  }

  // A caller gives up waiting. The question goes on while somebody else waits, or to renew an answer.
  CachedResult Leave(const std::shared_ptr<Question>& question, const std::optional<CachedResult>& known,
                     const Context& context) {
    if (question->waiters == 0 && !question->in_background) {
      if (known && !context.stop.stop_requested() && in_background_ < kRenewalsInBackground) {
        question->in_background = true;
        ++in_background_;
      } else {
        Abandon(question);
      }
    }
    if (known && !context.stop.stop_requested()) {
      return *known;
    }
    context.Check("search the archive");
    throw Error(ErrorCode::kTimedOut, "Cannot search the archive: it took longer than allowed");
  }

  // Whoever asks the same from now on asks anew.
  void Abandon(const std::shared_ptr<Question>& question) {
    question->stop.request_stop();
    const auto found = questions_.find(question->query);
    if (found != questions_.end() && found->second == question) {
      questions_.erase(found);
    }
  }

  void Run(Question& question, std::stop_token pool_stop) {
    const std::stop_callback forward(pool_stop, [&] { question.stop.request_stop(); });
    // The time before the question: an answer is never taken for newer than it is.
    const WallTime fetched_at = options_.now();
    SearchResult answer;
    std::optional<Failure> failure;
    try {
      const Context context = Context::WithTimeout(options_.query_timeout, question.stop.get_token());
      context.Check("search the archive");
      answer = searcher_->Find(question.query, context);
    } catch (const Error& error) {
      failure = Failure{error.code(), error.what()};
    } catch (const std::exception& error) {
      failure = Failure{ErrorCode::kProtocol, std::string("Cannot search the archive: ") + error.what()};
    }
    if (!failure && answer == nullptr) {
      failure = Failure{ErrorCode::kProtocol, "Cannot search the archive: no answer came"};
    }
    {
      const std::lock_guard lock(mutex_);
      if (failure) {
        Fail(question, std::move(*failure));
      } else {
        ++answers_;
        down_ = false;
        question.answer = CachedResult{answer, fetched_at, false};
        memory_.Insert({question.query, answer, fetched_at, question.generation});
      }
      End(question);
    }
    // Nobody waits for the store.
    if (answer != nullptr && store_ != nullptr) {
      store_->Save(question.query.CacheKey(), {answer, fetched_at});
    }
  }

  void Fail(Question& question, Failure failure) {
    if (MeansUp(failure.code)) {
      ++answers_;
      down_ = false;
    } else if (MeansDown(failure.code) && question.answers_before == answers_) {
      // Others were answered while this one was not: it was a hard question, the archive is there.
      down_ = true;
      next_probe_ = Clock::now() + options_.probe_interval;
    }
    question.failure = std::move(failure);
  }

  void End(Question& question) {
    question.done = true;
    if (question.in_background) {
      --in_background_;
    }
    const auto found = questions_.find(question.query);
    if (found != questions_.end() && found->second.get() == &question) {
      questions_.erase(found);
    }
    question.ended.notify_all();
  }

  const std::shared_ptr<Searcher> searcher_;
  const std::shared_ptr<ResultStore> store_;
  const CachingSearcherOptions options_;

  mutable std::mutex mutex_;  // guards the following
  ResultMemory memory_;
  std::map<Query, std::shared_ptr<Question>> questions_;
  size_t in_background_ = 0;
  uint64_t generation_ = 1;  // answers of an earlier one are expired
  WallTime all_expired_at_ = WallTime::min();
  uint64_t answers_ = 0;  // given by the archive so far
  bool down_ = false;
  Clock::time_point next_probe_ = Clock::time_point::min();

  ThreadPool pool_;  // ends first
};

CachingSearcher::CachingSearcher(std::shared_ptr<Searcher> searcher, std::shared_ptr<ResultStore> store,
                                 CachingSearcherOptions options)
    : impl_(std::make_unique<Impl>(std::move(searcher), std::move(store), std::move(options))) {}

CachingSearcher::~CachingSearcher() = default;

SearchResult CachingSearcher::Find(const Query& query, const Context& context) {
  return impl_->Find(query, context).answer;
}

CachedResult CachingSearcher::FindWithTime(const Query& query, const Context& context) {
  return impl_->Find(query, context);
}

std::optional<CachedResult> CachingSearcher::GetFresh(const Query& query) {
  return impl_->GetFresh(query);
}

std::optional<CachedResult> CachingSearcher::GetCached(const Query& query) {
  return impl_->Recall(query);
}

void CachingSearcher::ExpireAll() {
  impl_->ExpireAll();
}

bool CachingSearcher::ArchiveIsDown() const {
  return impl_->IsDown();
}

}  // namespace trolley

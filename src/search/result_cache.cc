#include "search/result_cache.h"

#include <utility>

namespace trolley {

ResultCache::ResultCache(std::shared_ptr<ResultStore> store, size_t max_memory_rows, std::chrono::milliseconds expiry,
                         WallClock now)
    : store_(std::move(store)), expiry_(expiry), now_(std::move(now)), memory_(max_memory_rows) {}

std::optional<CachedResult> ResultCache::Get(const Query& query) {
  if (auto remembered = GetFromMemory(query)) {
    return remembered;
  }
  auto stored = store_ == nullptr ? std::nullopt : store_->Load(query.CacheKey());
  if (!stored) {
    return std::nullopt;
  }
  const MutexLock lock(mutex_);
  // Unless the archive responded meanwhile.
  if (auto remembered = FindInMemory(query)) {
    return remembered;
  }
  const uint64_t generation = stored->fetched_at > all_expired_at_ ? generation_ : 0;
  memory_.Insert({query, stored->studies, stored->fetched_at, generation});
  return FindInMemory(query);
}

std::optional<CachedResult> ResultCache::GetFromMemory(const Query& query) {
  const MutexLock lock(mutex_);
  return FindInMemory(query);
}

std::optional<CachedResult> ResultCache::FindInMemory(const Query& query) {
  const RememberedResult* known = memory_.Find(query);
  if (known != nullptr && !IsExpired(*known)) {
    return CachedResult{known->studies, known->fetched_at, false};
  }
  const auto is_fresh = [this](const RememberedResult& other) TROLLEY_REQUIRES(mutex_) { return !IsExpired(other); };
  if (auto covering = memory_.FindCovering(query, is_fresh)) {
    memory_.Insert(*covering);  // so that it is the same result each time
    return CachedResult{covering->studies, covering->fetched_at, false};
  }
  return known == nullptr ? std::nullopt : std::optional(CachedResult{known->studies, known->fetched_at, true});
}

bool ResultCache::IsExpired(const RememberedResult& known) const {
  const auto now = now_();
  // A result from the future: the clock was set back, and its age is unknown.
  return known.generation != generation_ || known.fetched_at > now || now - known.fetched_at >= expiry_;
}

void ResultCache::Insert(const Query& query, const SearchResult& studies,
                         std::chrono::system_clock::time_point fetched_at, uint64_t generation) {
  const MutexLock lock(mutex_);
  memory_.Insert({query, studies, fetched_at, generation});
}

void ResultCache::Save(const Query& query, const SearchResult& studies,
                       std::chrono::system_clock::time_point fetched_at) {
  if (store_ != nullptr) {
    store_->Save(query.CacheKey(), {studies, fetched_at});
  }
}

void ResultCache::ExpireAll() {
  const MutexLock lock(mutex_);
  ++generation_;
  all_expired_at_ = now_();
}

uint64_t ResultCache::generation() const {
  const MutexLock lock(mutex_);
  return generation_;
}

}  // namespace trolley

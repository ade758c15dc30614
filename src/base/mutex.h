#ifndef TROLLEY_BASE_MUTEX_H_
#define TROLLEY_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <utility>

// Mutexes whose rules the compiler checks. Every member that a mutex guards says so with TROLLEY_GUARDED_BY, every
// function that expects its caller to hold one with TROLLEY_REQUIRES; clang builds fail on -Wthread-safety. A lambda is
// a function of its own to clang: one that touches guarded members is written `[this]() TROLLEY_REQUIRES(mutex_)
// {...}`.
#if defined(__clang__)
#define TROLLEY_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define TROLLEY_THREAD_ANNOTATION(x)
#endif

#define TROLLEY_GUARDED_BY(mutex) TROLLEY_THREAD_ANNOTATION(guarded_by(mutex))
#define TROLLEY_PT_GUARDED_BY(mutex) TROLLEY_THREAD_ANNOTATION(pt_guarded_by(mutex))
#define TROLLEY_REQUIRES(...) TROLLEY_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define TROLLEY_REQUIRES_SHARED(...) TROLLEY_THREAD_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define TROLLEY_EXCLUDES(...) TROLLEY_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define TROLLEY_ACQUIRED_BEFORE(...) TROLLEY_THREAD_ANNOTATION(acquired_before(__VA_ARGS__))
#define TROLLEY_RETURN_CAPABILITY(x) TROLLEY_THREAD_ANNOTATION(lock_returned(x))
// For functions that the analysis cannot follow. Say why.
#define TROLLEY_NO_THREAD_SAFETY_ANALYSIS TROLLEY_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace trolley {

class TROLLEY_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void Lock() TROLLEY_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void Unlock() TROLLEY_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds a mutex while it lives, but for the time between Unlock() and Lock().
class TROLLEY_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TROLLEY_THREAD_ANNOTATION(acquire_capability(mutex)) : lock_(mutex.mutex_) {}
  ~MutexLock() TROLLEY_THREAD_ANNOTATION(release_capability()) = default;
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Lock() TROLLEY_THREAD_ANNOTATION(acquire_capability()) { lock_.lock(); }
  void Unlock() TROLLEY_THREAD_ANNOTATION(release_capability()) { lock_.unlock(); }

 private:
  friend class Condition;
  friend class StoppableCondition;
  std::unique_lock<std::mutex> lock_;
};

class TROLLEY_THREAD_ANNOTATION(capability("shared_mutex")) SharedMutex {
 private:
  friend class ReaderLock;
  friend class WriterLock;
  std::shared_mutex mutex_;
};

class TROLLEY_THREAD_ANNOTATION(scoped_lockable) ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) TROLLEY_THREAD_ANNOTATION(acquire_shared_capability(mutex))
      : lock_(mutex.mutex_) {}
  ~ReaderLock() TROLLEY_THREAD_ANNOTATION(release_capability()) = default;
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

  void Lock() TROLLEY_THREAD_ANNOTATION(acquire_shared_capability()) { lock_.lock(); }
  void Unlock() TROLLEY_THREAD_ANNOTATION(release_capability()) { lock_.unlock(); }

 private:
  std::shared_lock<std::shared_mutex> lock_;
};

class TROLLEY_THREAD_ANNOTATION(scoped_lockable) WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) TROLLEY_THREAD_ANNOTATION(acquire_capability(mutex)) : lock_(mutex.mutex_) {}
  ~WriterLock() TROLLEY_THREAD_ANNOTATION(release_capability()) = default;
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

  void Lock() TROLLEY_THREAD_ANNOTATION(acquire_capability()) { lock_.lock(); }
  void Unlock() TROLLEY_THREAD_ANNOTATION(release_capability()) { lock_.unlock(); }

 private:
  std::unique_lock<std::shared_mutex> lock_;
};

// A condition variable. Predicates that touch guarded members carry TROLLEY_REQUIRES.
class Condition {
 public:
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

  void Wait(MutexLock& lock) { condition_.wait(lock.lock_); }
  template <typename Predicate>
  void Wait(MutexLock& lock, Predicate predicate) {
    condition_.wait(lock.lock_, std::move(predicate));
  }
  // False: `deadline` passed. With a predicate: what it says in the end.
  bool WaitUntil(MutexLock& lock, std::chrono::steady_clock::time_point deadline) {
    return condition_.wait_until(lock.lock_, deadline) == std::cv_status::no_timeout;
  }
  template <typename Predicate>
  bool WaitUntil(MutexLock& lock, std::chrono::steady_clock::time_point deadline, Predicate predicate) {
    return condition_.wait_until(lock.lock_, deadline, std::move(predicate));
  }
  template <typename Rep, typename Period, typename Predicate>
  bool WaitFor(MutexLock& lock, std::chrono::duration<Rep, Period> timeout, Predicate predicate) {
    return condition_.wait_for(lock.lock_, timeout, std::move(predicate));
  }

 private:
  std::condition_variable condition_;
};

// Likewise, for waits that a stop request ends, too. Each wait tells what the predicate says in the end.
class StoppableCondition {
 public:
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

  template <typename Predicate>
  void Wait(MutexLock& lock, Predicate predicate) {
    condition_.wait(lock.lock_, std::move(predicate));
  }
  template <typename Predicate>
  bool Wait(MutexLock& lock, std::stop_token stop, Predicate predicate) {
    return condition_.wait(lock.lock_, std::move(stop), std::move(predicate));
  }
  template <typename Predicate>
  bool WaitUntil(MutexLock& lock, std::stop_token stop, std::chrono::steady_clock::time_point deadline,
                 Predicate predicate) {
    return condition_.wait_until(lock.lock_, std::move(stop), deadline, std::move(predicate));
  }
  template <typename Rep, typename Period, typename Predicate>
  bool WaitFor(MutexLock& lock, std::stop_token stop, std::chrono::duration<Rep, Period> timeout, Predicate predicate) {
    return condition_.wait_for(lock.lock_, std::move(stop), timeout, std::move(predicate));
  }

 private:
  std::condition_variable_any condition_;
};

}  // namespace trolley

#endif  // TROLLEY_BASE_MUTEX_H_

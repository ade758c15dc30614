#ifndef TROLLEY_BASE_THREAD_POOL_H_
#define TROLLEY_BASE_THREAD_POOL_H_

#include <deque>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace trolley {

// Threads that run jobs in order of arrival: one from the start, more, up to a maximum, when a job finds none idle.
// Jobs get a stop token that is requested when the pool goes away, and must not throw. Destruction requests stop, runs
// what is queued (each job sees the stop and must end quickly, so that nobody waits for a result that never comes), and
// joins. Thread-safe.
class ThreadPool {
 public:
  using Job = std::function<void(std::stop_token)>;

  ThreadPool(size_t max_threads, const char* name);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void Submit(Job job);
  // Requests stop of all running and queued jobs without waiting.
  void RequestStop();

 private:
  void AddThread() TROLLEY_REQUIRES(mutex_);
  void Run();

  const size_t max_threads_;
  const std::string name_;
  Mutex mutex_;
  Condition wake_;
  std::deque<Job> queue_ TROLLEY_GUARDED_BY(mutex_);
  size_t idle_ TROLLEY_GUARDED_BY(mutex_) = 0;  // threads that wait for a job
  bool closing_ TROLLEY_GUARDED_BY(mutex_) = false;
  std::stop_source stop_;
  std::vector<std::thread> threads_ TROLLEY_GUARDED_BY(mutex_);  // fixed once closing_
};

}  // namespace trolley

#endif  // TROLLEY_BASE_THREAD_POOL_H_

#ifndef TROLLEY_BASE_THREAD_POOL_H_
#define TROLLEY_BASE_THREAD_POOL_H_

#include <deque>
#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace trolley {

// A fixed number of threads that run jobs in order of arrival. Jobs get a stop token that is requested when the pool
// goes away, and must not throw. Destruction requests stop, runs what is queued (each job sees the stop and must end
// quickly, so that nobody waits for an answer that never comes), and joins. Thread-safe.
class ThreadPool {
 public:
  using Job = std::function<void(std::stop_token)>;

  ThreadPool(size_t threads, const char* name);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void Submit(Job job);
  // Requests stop of all running and queued jobs without waiting.
  void RequestStop();

 private:
  void Run(const char* name);

  Mutex mutex_;
  Condition wake_;
  std::deque<Job> queue_ TROLLEY_GUARDED_BY(mutex_);
  bool closing_ TROLLEY_GUARDED_BY(mutex_) = false;
  std::stop_source stop_;
  std::vector<std::thread> threads_;
};

}  // namespace trolley

#endif  // TROLLEY_BASE_THREAD_POOL_H_

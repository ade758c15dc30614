#include "base/thread_pool.h"

#include <pthread.h>

#include <exception>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "trolley/log.h"

namespace trolley {

ThreadPool::ThreadPool(size_t max_threads, const char* name) : max_threads_(max_threads), name_(name) {
  const MutexLock lock(mutex_);
  AddThread();
}

ThreadPool::~ThreadPool() {
  stop_.request_stop();
  std::vector<std::thread> threads;
  {
    const MutexLock lock(mutex_);
    closing_ = true;
    threads.swap(threads_);
  }
  wake_.NotifyAll();
  for (std::thread& thread : threads) {
    thread.join();
  }
}

void ThreadPool::Submit(Job job) {
  {
    const MutexLock lock(mutex_);
    queue_.push_back(std::move(job));
    if (queue_.size() > idle_ && threads_.size() < max_threads_ && !closing_) {
      try {
        AddThread();
      } catch (const std::system_error&) {
        // The system has no more threads now. Those that there are run the job.
      }
    }
  }
  wake_.NotifyOne();
}

void ThreadPool::AddThread() {
  threads_.emplace_back([this] { Run(); });
}

void ThreadPool::RequestStop() {
  stop_.request_stop();
}

void ThreadPool::Run() {
  // The kernel refuses names of more than 15 bytes.
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  MutexLock lock(mutex_);
  while (true) {
    ++idle_;
    wake_.Wait(lock, [this]() TROLLEY_REQUIRES(mutex_) { return closing_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) {
      return;
    }
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.Unlock();
    try {
      job(stop_.get_token());
    } catch (const std::exception& error) {
      // A bug of the job; taking the whole process down would punish everybody else.
      LogError(StrCat("A job of the pool ", name_, " failed without handling its error: ", error.what()));
    }
    job = nullptr;  // what it holds must go before the next wait, and without the lock
    lock.Lock();
  }
}

}  // namespace trolley

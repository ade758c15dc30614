#include "base/thread_pool.h"

#include <pthread.h>

#include <exception>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace trolley {

ThreadPool::ThreadPool(size_t threads, const char* name) {
  threads_.reserve(threads);
  try {
    for (size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this, name = std::string(name)] { Run(name.c_str()); });
    }
  } catch (...) {
    // The destructor does not run for a half-made pool, and a joinable thread must not be destroyed.
    {
      const MutexLock lock(mutex_);
      closing_ = true;
    }
    wake_.NotifyAll();
    for (std::thread& thread : threads_) {
      thread.join();
    }
    throw;
  }
}

ThreadPool::~ThreadPool() {
  stop_.request_stop();
  {
    const MutexLock lock(mutex_);
    closing_ = true;
  }
  wake_.NotifyAll();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void ThreadPool::Submit(Job job) {
  {
    const MutexLock lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.NotifyOne();
}

void ThreadPool::RequestStop() {
  stop_.request_stop();
}

void ThreadPool::Run(const char* name) {
  // The kernel refuses names of more than 15 bytes.
  pthread_setname_np(pthread_self(), std::string(name).substr(0, 15).c_str());
  MutexLock lock(mutex_);
  while (true) {
    wake_.Wait(lock, [this]() TROLLEY_REQUIRES(mutex_) { return closing_ || !queue_.empty(); });
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
      LogError(StrCat("A job of the pool ", name, " failed without handling its error: ", error.what()));
    }
    job = nullptr;  // what it holds must go before the next wait, and without the lock
    lock.Lock();
  }
}

}  // namespace trolley

#ifndef TROLLEY_BASE_ASYNC_CALL_H_
#define TROLLEY_BASE_ASYNC_CALL_H_

#include <functional>
#include <future>
#include <stop_token>
#include <system_error>

#include "trolley/context.h"

namespace trolley {

// A question that is asked on a thread of its own, beside what its owner does meanwhile. When the owner goes away
// without its answer, it is stopped; that is waited for.
template <typename T>
class AsyncCall {
 public:
  AsyncCall(const Context& context, std::function<T(const Context&)> ask)
      : pass_on_(context.stop, PassOn{stop_}),
        answer_(Start([ask = std::move(ask), limited = Limited(context)] { return ask(limited); })) {}
  ~AsyncCall() { stop_.request_stop(); }  // and then that of answer_ waits
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;

  // Waits. Once. Throws what the question throws.
  T Get() { return answer_.get(); }

 private:
  struct PassOn {
    std::stop_source& to;
    void operator()() const { to.request_stop(); }
  };
  // Where there is no thread to be had, the owner asks when it wants the answer.
  static std::future<T> Start(std::function<T()> ask) {
    try {
      return std::async(std::launch::async, ask);
    } catch (const std::system_error&) {
      return std::async(std::launch::deferred, std::move(ask));
    }
  }
  Context Limited(Context context) const {
    context.stop = stop_.get_token();
    return context;
  }

  std::stop_source stop_;
  std::stop_callback<PassOn> pass_on_;
  std::future<T> answer_;
};

}  // namespace trolley

#endif  // TROLLEY_BASE_ASYNC_CALL_H_

#ifndef TROLLEY_BASE_ASYNC_CALL_H_
#define TROLLEY_BASE_ASYNC_CALL_H_

#include <functional>
#include <future>
#include <stop_token>
#include <system_error>

#include "trolley/context.h"

namespace trolley {

// A call that runs on a thread of its own while its owner goes on. If the owner goes away without the result, the call
// is stopped, and its end is waited for.
template <typename T>
class AsyncCall {
 public:
  AsyncCall(const Context& context, std::function<T(const Context&)> call)
      : pass_on_(context.stop, PassOn{stop_}),
        result_(Start([call = std::move(call), limited = Limited(context)] { return call(limited); })) {}
  ~AsyncCall() { stop_.request_stop(); }  // then the destructor of result_ waits
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;

  // Waits. Once. Throws what the call throws.
  T Get() { return result_.get(); }

 private:
  struct PassOn {
    std::stop_source& to;
    void operator()() const { to.request_stop(); }
  };
  // If no thread can be made, the call runs when the owner wants the result.
  static std::future<T> Start(std::function<T()> call) {
    try {
      return std::async(std::launch::async, call);
    } catch (const std::system_error&) {
      return std::async(std::launch::deferred, std::move(call));
    }
  }
  Context Limited(Context context) const {
    context.stop = stop_.get_token();
    return context;
  }

  std::stop_source stop_;
  std::stop_callback<PassOn> pass_on_;
  std::future<T> result_;
};

}  // namespace trolley

#endif  // TROLLEY_BASE_ASYNC_CALL_H_

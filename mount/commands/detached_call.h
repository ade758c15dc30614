#ifndef TROLLEY_MOUNT_COMMANDS_DETACHED_CALL_H_
#define TROLLEY_MOUNT_COMMANDS_DETACHED_CALL_H_

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace trolley {

// The result of `call`, for system calls on a mount that may hang for ever; nullopt after `timeout`. Then the thread
// that makes the call is left behind, so `call` must own whatever it uses.
template <typename T>
std::optional<T> CallDetached(std::function<T()> call, std::chrono::milliseconds timeout) {
  const auto promise = std::make_shared<std::promise<T>>();
  std::future<T> result = promise->get_future();
  std::thread([promise, call = std::move(call)] { promise->set_value(call()); }).detach();
  if (result.wait_for(timeout) != std::future_status::ready) {
    return std::nullopt;
  }
  return result.get();
}

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_DETACHED_CALL_H_

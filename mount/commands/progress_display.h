#ifndef TROLLEY_MOUNT_COMMANDS_PROGRESS_DISPLAY_H_
#define TROLLEY_MOUNT_COMMANDS_PROGRESS_DISPLAY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "trolley/client.h"
#include "trolley/context.h"

namespace trolley {

// "157 MB"
std::string ReadableBytes(uint64_t bytes);
// "7 s", "3:05 min", "2:03 h"
std::string ReadableTime(std::chrono::seconds time);

// "[#####-----]  50%  150 of 300, 78.6 MB, 105 MB/s, 1 s left", at most `width` characters.
std::string ProgressBar(const DownloadProgress& progress, Clock::duration elapsed, size_t width);
// The same in words, for logs.
std::string ProgressWords(const DownloadProgress& progress, Clock::duration elapsed);

// Shows a download's progress on standard error: on a terminal as a bar that is drawn anew, at most five times a
// second; else as a line every ten seconds. Not thread-safe.
class ProgressDisplay {
 public:
  explicit ProgressDisplay(bool quiet);
  ~ProgressDisplay() { Clear(); }
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void Show(const DownloadProgress& progress);
  // Until the first Show(), on a terminal.
  void Say(const std::string& what);
  // Takes the bar away, so that something else can be printed.
  void Clear();
  Clock::duration elapsed() const { return Clock::now() - begin_; }

 private:
  enum class Kind { kNone, kBar, kLines };
  const Kind kind_;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point shown_at_ = begin_ - std::chrono::hours(1);
  bool drawn_ = false;
};

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_PROGRESS_DISPLAY_H_

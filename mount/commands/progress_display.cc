// Called by the thread that runs the download, after each change of its progress; draws only now and then.
#include "mount/commands/progress_display.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/text.h"

namespace trolley {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(200);
constexpr auto kLineInterval = std::chrono::seconds(10);
constexpr size_t kBarWidth = 20;

double Seconds(Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

uint64_t Finished(const DownloadProgress& progress) {
  return progress.done + progress.complete + progress.missing + progress.failed;
}

// "150 of 300"; "150 of 300+" while more may be found
std::string Counted(const DownloadProgress& progress) {
  // A series that could not be listed counts as failed, but not as found.
  const uint64_t finished = std::min(Finished(progress), progress.found);
  return StrCat(finished, " of ", progress.found, progress.all_found ? "" : "+");
}

std::string Rate(const DownloadProgress& progress, Clock::duration elapsed) {
  const double rate = static_cast<double>(progress.bytes) / std::max(Seconds(elapsed), 0.001);
  return StrCat(ReadableBytes(static_cast<uint64_t>(rate)), "/s");
}

// ", 7 s left"; empty while there is no estimate.
std::string TimeLeft(const DownloadProgress& progress, Clock::duration elapsed) {
  const uint64_t fetched = progress.done + progress.missing + progress.failed;
  if (!progress.all_found || fetched == 0 || progress.found <= Finished(progress)) {
    return "";
  }
  const double each = Seconds(elapsed) / static_cast<double>(fetched);
  const double left = std::ceil(each * static_cast<double>(progress.found - Finished(progress)));
  return StrCat(", ", ReadableTime(std::chrono::seconds(static_cast<int64_t>(std::min(left, 3.6e8)))), " left");
}

std::string Troubles(const DownloadProgress& progress) {
  return StrCat(progress.missing > 0 ? StrCat(", ", progress.missing, " missing") : "",
                progress.failed > 0 ? StrCat(", ", progress.failed, " failed") : "");
}

size_t TerminalColumns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool IsTerminal() {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

void Write(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace

std::string ReadableBytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) {
    return StrCat(bytes, " B");
  }
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), value < 99.95 ? "%.1f %s" : "%.0f %s", value, kUnits[unit]);
  return text.data();
}

std::string ReadableTime(std::chrono::seconds time) {
  const auto seconds = time.count();
  std::array<char, 48> text{};
  if (seconds < 60) {
    return StrCat(seconds, " s");
  }
  if (seconds < 3600) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld min", static_cast<long long>(seconds / 60),
                  static_cast<long long>(seconds % 60));
  } else {
    std::snprintf(text.data(), text.size(), "%lld:%02lld h", static_cast<long long>(seconds / 3600),
                  static_cast<long long>(seconds % 3600 / 60));
  }
  return text.data();
}

std::string ProgressWords(const DownloadProgress& progress, Clock::duration elapsed) {
  return StrCat(Counted(progress), " instances, ", ReadableBytes(progress.bytes), ", ", Rate(progress, elapsed),
                Troubles(progress), TimeLeft(progress, elapsed));
}

std::string ProgressBar(const DownloadProgress& progress, Clock::duration elapsed, size_t width) {
  const double share =
      progress.found == 0
          ? 0
          : std::min(1.0, static_cast<double>(Finished(progress)) / static_cast<double>(progress.found));
  const auto filled = static_cast<size_t>(share * static_cast<double>(kBarWidth));
  std::array<char, 8> percent{};
  std::snprintf(percent.data(), percent.size(), "%3d%%", static_cast<int>(share * 100));
  const std::string bar = StrCat("[", std::string(filled, '#'), std::string(kBarWidth - filled, '-'), "] ");
  const std::string text = StrCat(percent.data(), "  ", Counted(progress), ", ", ReadableBytes(progress.bytes), ", ",
                                  Rate(progress, elapsed), Troubles(progress), TimeLeft(progress, elapsed));
  // The figures say more than the bar.
  return (text.size() + bar.size() <= width ? bar + text : text).substr(0, width);
}

ProgressDisplay::ProgressDisplay(bool quiet) : kind_(quiet ? Kind::kNone : IsTerminal() ? Kind::kBar : Kind::kLines) {
  if (kind_ == Kind::kLines) {
    shown_at_ = begin_;
  }
}

void ProgressDisplay::Show(const DownloadProgress& progress) {
  const auto now = Clock::now();
  if (kind_ == Kind::kNone || now - shown_at_ < (kind_ == Kind::kBar ? Clock::duration(kRedraw) : kLineInterval)) {
    return;
  }
  shown_at_ = now;
  if (kind_ == Kind::kLines) {
    Write(ProgressWords(progress, now - begin_) + "\n");
    return;
  }
  // The last column stays free: some terminals go to the next line after it.
  Write(StrCat("\r", ProgressBar(progress, now - begin_, TerminalColumns() - 1), "\x1b[K"));
  drawn_ = true;
}

void ProgressDisplay::Say(const std::string& what) {
  const auto now = Clock::now();
  if (kind_ == Kind::kBar && now - shown_at_ >= kRedraw) {
    shown_at_ = now;
    Write(StrCat("\r", what.substr(0, TerminalColumns() - 1), "\x1b[K"));
    drawn_ = true;
  }
}

void ProgressDisplay::Clear() {
  if (drawn_) {
    Write("\r\x1b[K");
    drawn_ = false;
  }
}

}  // namespace trolley

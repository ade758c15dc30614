#ifndef TROLLEY_LOG_H_
#define TROLLEY_LOG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace trolley {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

// Takes log lines from any thread; calls never overlap. Must not log, and must not throw.
using LogSink = std::function<void(LogLevel level, std::string_view message)>;

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  bool show_patient_data = false;  // when false, Sensitive() hides its argument
  std::string file = {};           // empty: standard error
  LogSink sink = {};               // set: takes the lines instead of a file and standard error
};

// Called once at start (and again after daemonizing). Without it, warnings and errors go to standard error.
void ConfigureLog(const LogOptions& options);

// "debug", "info", "warning", "error", "off"; throws kInvalidArgument for anything else.
LogLevel ParseLogLevel(std::string_view name);

// Thread-safe. One line each: line breaks and control characters of `message` are escaped, because parts of it come
// from archives. Equal warnings and errors within a second are written once, with a count.
void Log(LogLevel level, std::string_view message);
inline void LogDebug(std::string_view message) {
  Log(LogLevel::kDebug, message);
}
inline void LogInfo(std::string_view message) {
  Log(LogLevel::kInfo, message);
}
inline void LogWarning(std::string_view message) {
  Log(LogLevel::kWarning, message);
}
inline void LogError(std::string_view message) {
  Log(LogLevel::kError, message);
}

// The value itself when patient data may be shown, else "<redacted>". Wrap names, patient and accession numbers, birth
// dates and free text in every message; UIDs may stand as they are.
std::string Sensitive(std::string_view value);

// The latest warnings and errors, oldest first, one line each with its time (for MOUNT/.trolleyfs/errors). Bounded.
std::vector<std::string> RecentProblems();

}  // namespace trolley

#endif  // TROLLEY_LOG_H_

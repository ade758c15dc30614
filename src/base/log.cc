#include "trolley/log.h"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "base/mutex.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr size_t kRecentProblems = 200;
constexpr size_t kLongestMessage = 8000;
constexpr auto kRepeatWindow = std::chrono::seconds(1);
constexpr size_t kMaxRepeats = 64;  // different messages that are watched for repetition

constexpr std::array<std::pair<std::string_view, LogLevel>, 5> kLevelNames = {{
    {"debug", LogLevel::kDebug},
    {"info", LogLevel::kInfo},
    {"warning", LogLevel::kWarning},
    {"error", LogLevel::kError},
    {"off", LogLevel::kOff},
}};

std::string_view LevelName(LogLevel level) {
  return kLevelNames.at(static_cast<size_t>(level)).first;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

LogLevel FromSpdlog(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return LogLevel::kDebug;
    case spdlog::level::info:
      return LogLevel::kInfo;
    case spdlog::level::warn:
      return LogLevel::kWarning;
    default:
      return LogLevel::kError;
  }
}

// Hands lines to a program's own sink, without the time: that program adds its own.
class CallingSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit CallingSink(LogSink call) : call_(std::move(call)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    call_(FromSpdlog(message.level), std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

  const LogSink call_;
};

void AppendEscaped(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0x0FU];
  }
}

// C1 controls, line and paragraph separators and the bidirectional controls: all of them let an archive fake log lines.
bool IsUnsafeCharacter(std::string_view character) {
  if (character.size() == 2) {
    return character[0] == '\xC2' && static_cast<unsigned char>(character[1]) < 0xA0;
  }
  if (character.size() == 3 && character[0] == '\xE2') {
    const auto second = static_cast<unsigned char>(character[1]);
    const auto third = static_cast<unsigned char>(character[2]);
    return (second == 0x80 && third >= 0xA8 && third <= 0xAE) || (second == 0x81 && third >= 0xA6 && third <= 0xA9);
  }
  return false;
}

std::string Escape(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  while (!message.empty()) {
    const auto first = static_cast<unsigned char>(message.front());
    const size_t length = Utf8CharacterLength(message);
    const std::string_view character = message.substr(0, std::max<size_t>(1, length));
    if (length == 0 || first < 0x20 || first == 0x7F || IsUnsafeCharacter(character)) {
      for (const char c : character) {
        AppendEscaped(out, c);
      }
    } else {
      out += character;
    }
    message.remove_prefix(character.size());
  }
  return out;
}

std::string LocalTime(std::time_t time) {
  std::tm parts{};
  localtime_r(&time, &parts);
  std::array<char, 32> text{};
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return {text.data(), length};
}

class Logger {
 public:
  Logger() { Configure({.level = LogLevel::kWarning, .show_patient_data = false}); }

  void Configure(const LogOptions& options) {
    std::shared_ptr<spdlog::logger> logger = Open(options);
    logger->set_level(ToSpdlog(options.level));
    logger->flush_on(spdlog::level::trace);
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
    const MutexLock lock(mutex_);
    logger_ = std::move(logger);
    show_patient_data_ = options.show_patient_data;
  }

  void Write(LogLevel level, std::string_view raw) {
    const MutexLock lock(mutex_);
    const bool problem = level == LogLevel::kWarning || level == LogLevel::kError;
    if (!problem && !logger_->should_log(ToSpdlog(level))) {
      return;
    }
    std::string message = Escape(raw.substr(0, kLongestMessage));
    if (!problem) {
      Put(level, message);
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    FlushRepeats(now);
    const auto same = std::find_if(repeats_.begin(), repeats_.end(), [&](const Repeat& repeat) {
      return repeat.level == level && repeat.message == message;
    });
    if (same != repeats_.end()) {
      ++same->count;
      CountProblem(level, message);
      return;
    }
    if (repeats_.size() == kMaxRepeats) {
      PutRepeat(repeats_.front());
      repeats_.pop_front();
    }
    Put(level, message);
    problems_.push_back({std::time(nullptr), level, message, 1});
    if (problems_.size() > kRecentProblems) {
      problems_.pop_front();
    }
    repeats_.push_back({now, level, std::move(message), 0});
  }

  std::vector<std::string> Problems() {
    const MutexLock lock(mutex_);
    std::vector<std::string> lines;
    lines.reserve(problems_.size());
    for (const Problem& problem : problems_) {
      std::string line = StrCat(LocalTime(problem.time), " ", LevelName(problem.level), ": ", problem.message);
      if (problem.count > 1) {
        line += StrCat(" (", problem.count, " times)");
      }
      lines.push_back(std::move(line));
    }
    return lines;
  }

  bool show_patient_data() {
    const MutexLock lock(mutex_);
    return show_patient_data_;
  }

 private:
  struct Repeat {
    std::chrono::steady_clock::time_point first;
    LogLevel level;
    std::string message;
    uint64_t count;  // not written yet
  };
  struct Problem {
    std::time_t time;
    LogLevel level;
    std::string message;
    uint64_t count;
  };

  // Synchronous sinks only: a thread of the logger would not survive the fork of daemonizing.
  static std::shared_ptr<spdlog::logger> Open(const LogOptions& options) {
    if (options.sink) {
      return std::make_shared<spdlog::logger>("trolley", std::make_shared<CallingSink>(options.sink));
    }
    const std::string& file = options.file;
    if (file.empty()) {
      return std::make_shared<spdlog::logger>("trolley", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    }
    // Made here, because a log is nobody else's business and spdlog would create it readable for all.
    const UniqueFd created(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (!created) {
      throw Error(ErrorCode::kStorage, StrCat("Cannot open the log file ", file, ": ", std::strerror(errno)));
    }
    try {
      return std::make_shared<spdlog::logger>("trolley", std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
    } catch (const spdlog::spdlog_ex& error) {
      throw Error(ErrorCode::kStorage, StrCat("Cannot open the log file ", file, ": ", error.what()));
    }
  }

  void Put(LogLevel level, const std::string& message) TROLLEY_REQUIRES(mutex_) {
    logger_->log(ToSpdlog(level), spdlog::string_view_t(message.data(), message.size()));
  }

  void PutRepeat(const Repeat& repeat) TROLLEY_REQUIRES(mutex_) {
    if (repeat.count > 0) {
      Put(repeat.level, StrCat(repeat.message, " (", repeat.count, " more times)"));
    }
  }

  void FlushRepeats(std::chrono::steady_clock::time_point now) TROLLEY_REQUIRES(mutex_) {
    while (!repeats_.empty() && now - repeats_.front().first >= kRepeatWindow) {
      PutRepeat(repeats_.front());
      repeats_.pop_front();
    }
  }

  void CountProblem(LogLevel level, const std::string& message) TROLLEY_REQUIRES(mutex_) {
    const auto same = std::find_if(problems_.rbegin(), problems_.rend(), [&](const Problem& problem) {
      return problem.level == level && problem.message == message;
    });
    if (same != problems_.rend()) {
      ++same->count;
      same->time = std::time(nullptr);
    }
  }

  Mutex mutex_;
  std::shared_ptr<spdlog::logger> logger_ TROLLEY_GUARDED_BY(mutex_);
  bool show_patient_data_ TROLLEY_GUARDED_BY(mutex_) = false;
  std::deque<Repeat> repeats_ TROLLEY_GUARDED_BY(mutex_);  // by `first`
  std::deque<Problem> problems_ TROLLEY_GUARDED_BY(mutex_);
};

Logger& TheLogger() {
  // Never destroyed: threads and destructors of other statics may log until the very end.
  static auto* const logger = new Logger;
  return *logger;
}

}  // namespace

void ConfigureLog(const LogOptions& options) {
  TheLogger().Configure(options);
}

LogLevel ParseLogLevel(std::string_view name) {
  for (const auto& [known, level] : kLevelNames) {
    if (EqualsIgnoreCase(known, name)) {
      return level;
    }
  }
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("Cannot use the log level \"", name, "\": unknown; give one of debug, info, warning, error, off"));
}

void Log(LogLevel level, std::string_view message) {
  if (level == LogLevel::kOff) {
    return;
  }
  TheLogger().Write(level, message);
}

std::string Sensitive(std::string_view value) {
  return TheLogger().show_patient_data() ? std::string(value) : "<redacted>";
}

std::vector<std::string> RecentProblems() {
  return TheLogger().Problems();
}

}  // namespace trolley

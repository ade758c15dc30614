#include "mount/commands/terminal_text.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <clocale>
#include <cwchar>
#include <functional>

namespace trolley {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

// The thread's locale is UTF-8 while this lives, whatever the user's is.
class Utf8Locale {
 public:
  Utf8Locale() : before_(::uselocale(Locale())) {}
  ~Utf8Locale() { ::uselocale(before_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  static locale_t Locale() {
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;  // null leaves the thread's locale as it is
  }
  const locale_t before_;
};

bool ChangesDirection(wchar_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

// Calls `visit` with each character's bytes and width; -1 for what must not reach a terminal.
void ForEachCharacter(std::string_view text, const std::function<bool(std::string_view, int)>& visit) {
  const Utf8Locale locale;
  while (!text.empty()) {
    std::mbstate_t state{};
    wchar_t character = 0;
    const size_t length = std::mbrtowc(&character, text.data(), text.size(), &state);
    const bool valid = length > 0 && length <= text.size();
    const size_t bytes = valid ? length : 1;
    const bool hidden = !valid || ChangesDirection(character) || character == 0x2028 || character == 0x2029 ||
                        (character >= 0xE0000 && character <= 0xE0FFF);
    if (!visit(text.substr(0, bytes), hidden ? -1 : ::wcwidth(character))) {
      return;
    }
    text.remove_prefix(bytes);
  }
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  ForEachCharacter(text, [&out](std::string_view bytes, int width) {
    if (bytes == "\n" || bytes == "\t" || bytes == "\r") {
      out.push_back(' ');
    } else {
      out.append(width < 0 ? kReplacement : bytes);
    }
    return true;
  });
  return out;
}

size_t DisplayWidth(std::string_view printable) {
  size_t width = 0;
  ForEachCharacter(printable, [&width](std::string_view, int columns) {
    width += columns < 0 ? 1 : static_cast<size_t>(columns);
    return true;
  });
  return width;
}

std::string CutToWidth(std::string_view printable, size_t width) {
  if (DisplayWidth(printable) <= width) {
    return std::string(printable);
  }
  std::string out;
  size_t used = 0;
  ForEachCharacter(printable, [&](std::string_view bytes, int columns) {
    used += columns < 0 ? 1 : static_cast<size_t>(columns);
    if (used + 1 > width) {
      return false;
    }
    out.append(bytes);
    return true;
  });
  return width == 0 ? "" : out.append(kEllipsis);
}

size_t TerminalWidth() {
  winsize size{};
  return ::isatty(STDOUT_FILENO) != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace trolley

#ifndef TROLLEY_MOUNT_COMMANDS_TERMINAL_TEXT_H_
#define TROLLEY_MOUNT_COMMANDS_TERMINAL_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace trolley {

// Text that comes from an archive, made fit for a terminal: one line, without control characters (escape sequences),
// direction overrides and bytes that are not UTF-8. Line breaks and tabs become blanks, the others U+FFFD.
std::string Printable(std::string_view text);

// How many columns of a terminal a printable text takes: two for East Asian wide characters, none for combining ones.
size_t DisplayWidth(std::string_view printable);

// The beginning of a printable text that fits into `width` columns, ending in "…" when something was cut off.
std::string CutToWidth(std::string_view printable, size_t width);

// The columns of the terminal that standard output is; 0 when it is none.
size_t TerminalWidth();

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_TERMINAL_TEXT_H_

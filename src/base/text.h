#ifndef TROLLEY_BASE_TEXT_H_
#define TROLLEY_BASE_TEXT_H_

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trolley {

namespace internal {
inline void AppendPiece(std::string& out, std::string_view piece) {
  out.append(piece);
}
inline void AppendPiece(std::string& out, char piece) {
  out.push_back(piece);
}
template <std::integral T>
requires(!std::same_as<T, char> && !std::same_as<T, bool>) void AppendPiece(std::string& out, T piece) {
  out.append(std::to_string(piece));
}
}  // namespace internal

// Joins strings, characters and integers: StrCat("Cannot open ", path, ": errno ", errno).
template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  std::string out;
  (internal::AppendPiece(out, pieces), ...);
  return out;
}

// "a,b,,c" -> a b "" c; the empty string has one empty piece.
std::vector<std::string_view> Split(std::string_view text, char separator);
std::string Join(const std::vector<std::string>& pieces, std::string_view separator);
// Without leading and trailing blanks, tabs, line breaks and NULs.
std::string_view Trim(std::string_view text);
// "http://host/x//" -> "http://host/x": paths can be appended.
std::string WithoutTrailingSlashes(std::string url);
std::string AsciiLower(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);  // ASCII only
bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix);

// Decimal digits only, whole text; nullopt for anything else and on overflow.
std::optional<uint64_t> ParseUint(std::string_view text);
// "50 GiB", "500MB", "1024": bytes. Units B, K/KB/KiB ... T; KB is 1000, K and KiB are 1024. nullopt when malformed.
std::optional<uint64_t> ParseSize(std::string_view text);
// "10 min", "30s", "500 ms", "2 h", "1 day"; a bare number is seconds. nullopt when malformed.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);

bool IsValidUtf8(std::string_view text);
// The bytes of the well-formed UTF-8 character that `text` begins with; 0 when it is empty or begins with none.
size_t Utf8CharacterLength(std::string_view text);
// The longest prefix of at most `max_bytes` bytes that does not cut a UTF-8 character. `text` is valid UTF-8.
std::string_view TruncateUtf8(std::string_view text, size_t max_bytes);

// %XX for every byte for which `keep` is false. Unreserved characters of RFC 3986 (letters, digits, "-._~") are always
// kept, so are those in `also_keep`.
std::string PercentEncode(std::string_view text, std::string_view also_keep = "");
// nullopt on a "%" that is not followed by two hex digits.
std::optional<std::string> PercentDecode(std::string_view text);

// Nearest of `candidates` to `word` by edit distance, for "unknown key X, did you mean Y?"; empty when nothing is near.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace trolley

#endif  // TROLLEY_BASE_TEXT_H_

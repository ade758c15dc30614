#include "base/json_stream.h"

#include <array>
#include <cmath>
#include <cstdlib>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// What is just a character of a string: no quote, backslash or control character, nothing beyond ASCII.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t c = 0x20; c < 0x80; ++c) {
    plain[c] = c != '"' && c != '\\';
  }
  return plain;
}();

bool IsPlain(char c) {
  return kPlain[static_cast<unsigned char>(c)];
}

bool IsJsonDigit(char c) {
  return c >= '0' && c <= '9';
}

// Of true, false, null or a number.
bool IsOfWord(char c) {
  return IsJsonDigit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' || c == 'E';
}

bool IsSpace(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

std::string_view SkipDigits(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && IsJsonDigit(text[digits])) {
    ++digits;
  }
  return text.substr(digits);
}

// Whether a double can hold it, if only about. Most have far too few digits to ask.
bool IsFinite(std::string_view literal) {
  constexpr size_t kSurely = 100;
  return (literal.size() < kSurely && literal.find_first_of("eE") == std::string_view::npos) ||
         std::isfinite(std::strtod(std::string(literal).c_str(), nullptr));
}

// By RFC 8259 §6, and not too large for a double.
bool IsNumber(std::string_view literal) {
  std::string_view rest = literal;
  if (rest.starts_with('-')) {
    rest.remove_prefix(1);
  }
  if (rest.empty() || !IsJsonDigit(rest[0])) {
    return false;
  }
  rest = rest[0] == '0' ? rest.substr(1) : SkipDigits(rest);
  if (rest.empty()) {
    return true;
  }
  if (rest[0] == '.') {
    rest.remove_prefix(1);
    const std::string_view behind = SkipDigits(rest);
    if (behind.size() == rest.size()) {
      return false;
    }
    rest = behind;
  }
  if (!rest.empty() && (rest[0] == 'e' || rest[0] == 'E')) {
    rest.remove_prefix(1);
    rest.remove_prefix(!rest.empty() && (rest[0] == '+' || rest[0] == '-') ? 1 : 0);
    const std::string_view behind = SkipDigits(rest);
    if (behind.size() == rest.size()) {
      return false;
    }
    rest = behind;
  }
  return rest.empty() && IsFinite(literal);
}

std::optional<uint32_t> HexDigit(char c) {
  if (IsJsonDigit(c)) {
    return static_cast<uint32_t>(c - '0');
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? std::optional(static_cast<uint32_t>(lower - 'a' + 10)) : std::nullopt;
}

}  // namespace

void JsonStream::Read(std::string_view piece) {
  piece_ = piece.data();
  const char* at = piece.data();
  const char* const end = at + piece.size();
  while (at != end) {
    switch (inside_) {
      case Inside::kNothing:
        if (IsSpace(*at)) {  // most of a text that is made to be read
          do {
            ++at;
          } while (at != end && IsSpace(*at));
        } else {
          at = ReadBetween(at);
        }
        break;
      case Inside::kString:
        at = ReadString(at, end);
        break;
      case Inside::kEscape:
        ReadEscape(*at++);
        break;
      case Inside::kCodePoint:
        ReadHexDigit(*at++);
        break;
      case Inside::kWord:
        at = ReadWord(at, end);
        break;
    }
  }
  read_before_ += piece.size();
  piece_ = nullptr;
}

void JsonStream::Finish() {
  if (inside_ == Inside::kWord) {
    EndWord(token_);
  }
  if (inside_ != Inside::kNothing || expect_ != Expect::kNothing) {
    Fail(nullptr);
  }
}

// A character outside of strings and words that is no white space; gives where to read on.
const char* JsonStream::ReadBetween(const char* at) {
  switch (*at) {
    case '\0':
      if (expect_ != Expect::kNothing) {
        Fail(at);
      }
      break;
    case '"':
      is_key_ = expect_ == Expect::kKey || expect_ == Expect::kKeyOrEnd;
      if (!is_key_ && expect_ != Expect::kValue && expect_ != Expect::kValueOrEnd) {
        Fail(at);
      }
      token_.clear();
      plain_ = true;
      inside_ = Inside::kString;
      break;
    case ':':
      if (expect_ != Expect::kColon) {
        Fail(at);
      }
      expect_ = Expect::kValue;
      break;
    case ',':
      if (expect_ != Expect::kCommaOrEnd) {
        Fail(at);
      }
      expect_ = nesting_.back() == Nesting::kObject ? Expect::kKey : Expect::kValue;
      break;
    case '{':
    case '[':
      if (expect_ != Expect::kValue && expect_ != Expect::kValueOrEnd) {
        Fail(at);
      }
      BeginNested(*at == '{' ? Nesting::kObject : Nesting::kArray);
      break;
    case '}':
    case ']': {
      const Nesting nesting = *at == '}' ? Nesting::kObject : Nesting::kArray;
      const Expect of_empty = nesting == Nesting::kObject ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
      if (nesting_.empty() || nesting_.back() != nesting || (expect_ != Expect::kCommaOrEnd && expect_ != of_empty)) {
        Fail(at);
      }
      EndNested(nesting);
      break;
    }
    default:
      if ((expect_ != Expect::kValue && expect_ != Expect::kValueOrEnd) || !IsOfWord(*at)) {
        Fail(at);
      }
      token_.clear();
      inside_ = Inside::kWord;
      return at;
  }
  return at + 1;
}

const char* JsonStream::ReadString(const char* at, const char* end) {
  const char* const begin = at;
  for (; at != end; ++at) {
    if (IsPlain(*at)) {
      continue;
    }
    const auto byte = static_cast<unsigned char>(*at);
    if (byte >= 0x80) {
      plain_ = false;
      continue;
    }
    if (byte < 0x20) {
      Fail(at);
    }
    break;
  }
  const std::string_view text(begin, static_cast<size_t>(at - begin));
  if (high_surrogate_ != 0 && (!text.empty() || (at != end && *at == '"'))) {
    Fail(begin);
  }
  if (at != end && *at == '"' && token_.empty()) {
    EndString(text);  // the usual case: nothing is copied
    return at + 1;
  }
  token_.append(text);
  if (at == end) {
    return at;
  }
  if (*at == '"') {
    EndString(token_);
  } else {
    inside_ = Inside::kEscape;
  }
  return at + 1;
}

void JsonStream::ReadEscape(char c) {
  if (c == 'u') {
    hex_digits_ = 0;
    code_point_ = 0;
    inside_ = Inside::kCodePoint;
    return;
  }
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const size_t index = kEscapes.find(c);
  if (index == std::string_view::npos || high_surrogate_ != 0) {
    Fail(nullptr);
  }
  token_.push_back(kMeanings[index]);
  inside_ = Inside::kString;
}

void JsonStream::ReadHexDigit(char c) {
  const auto digit = HexDigit(c);
  if (!digit) {
    Fail(nullptr);
  }
  code_point_ = code_point_ << 4 | *digit;
  if (++hex_digits_ < 4) {
    return;
  }
  inside_ = Inside::kString;
  const bool is_high = code_point_ >= 0xD800 && code_point_ < 0xDC00;
  const bool is_low = code_point_ >= 0xDC00 && code_point_ < 0xE000;
  if (is_low != (high_surrogate_ != 0)) {
    Fail(nullptr);
  }
  if (is_high) {
    high_surrogate_ = code_point_;
    return;
  }
  AppendCodePoint(is_low ? 0x10000 + ((high_surrogate_ - 0xD800) << 10) + (code_point_ - 0xDC00) : code_point_);
  high_surrogate_ = 0;
}

void JsonStream::AppendCodePoint(uint32_t code_point) {
  if (code_point < 0x80) {
    token_.push_back(static_cast<char>(code_point));
    return;
  }
  const int continuations = code_point < 0x800 ? 1 : code_point < 0x10000 ? 2 : 3;
  const uint32_t lead = continuations == 1 ? 0xC0 : continuations == 2 ? 0xE0 : 0xF0;
  token_.push_back(static_cast<char>(lead | code_point >> (6 * continuations)));
  for (int i = continuations - 1; i >= 0; --i) {
    token_.push_back(static_cast<char>(0x80 | (code_point >> (6 * i) & 0x3F)));
  }
}

void JsonStream::EndString(std::string_view text) {
  if (!plain_ && !IsValidUtf8(text)) {
    Fail(nullptr);
  }
  inside_ = Inside::kNothing;
  if (is_key_) {
    expect_ = Expect::kColon;
    events_.OnKey(text);
  } else {
    EndValue();
    events_.OnString(text);
  }
}

const char* JsonStream::ReadWord(const char* at, const char* end) {
  const char* const begin = at;
  while (at != end && IsOfWord(*at)) {
    ++at;
  }
  const std::string_view text(begin, static_cast<size_t>(at - begin));
  if (at == end) {
    token_.append(text);
  } else if (token_.empty()) {
    EndWord(text);
  } else {
    token_.append(text);
    EndWord(token_);
  }
  return at;
}

void JsonStream::EndWord(std::string_view word) {
  inside_ = Inside::kNothing;
  EndValue();
  if (word == "null") {
    events_.OnNull();
  } else if (word == "true" || word == "false") {
    events_.OnBoolean(word == "true");
  } else if (IsNumber(word)) {
    events_.OnNumber(word);
  } else {
    Fail(nullptr);
  }
}

void JsonStream::BeginNested(Nesting nesting) {
  nesting_.push_back(nesting);
  const bool object = nesting == Nesting::kObject;
  expect_ = object ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
  object ? events_.OnBeginObject() : events_.OnBeginArray();
}

void JsonStream::EndNested(Nesting nesting) {
  nesting_.pop_back();
  EndValue();
  nesting == Nesting::kObject ? events_.OnEndObject() : events_.OnEndArray();
}

void JsonStream::EndValue() {
  expect_ = nesting_.empty() ? Expect::kNothing : Expect::kCommaOrEnd;
}

// `at` null: nobody knows more precisely than the piece.
void JsonStream::Fail(const char* at) const {
  const uint64_t position = read_before_ + (at != nullptr ? static_cast<uint64_t>(at - piece_) : 0);
  throw Error(ErrorCode::kProtocol, StrCat("it is malformed or cut off at byte ", position));
}

}  // namespace trolley

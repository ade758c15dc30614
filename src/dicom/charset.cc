// Debian's DCMTK converts with glibc's iconv, for which it knows no name of JIS X 0208: it refuses Japanese. So ISO
// 2022 is taken apart here, and iconv is asked for the sets that the escape sequences choose.
#include "dicom/charset.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "dicom/encoding.h"

namespace trolley {
namespace {

constexpr char kEscape = '\x1b';

class Converter {
 public:
  Converter(const char* to, const char* from) : handle_(iconv_open(to, from)) {}
  ~Converter() {
    if (valid()) {
      iconv_close(handle_);
    }
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  bool valid() const { return handle_ != reinterpret_cast<iconv_t>(-1); }

  // nullopt when not all of it can be converted.
  std::optional<std::string> Convert(std::string_view text) {
    if (!valid()) {
      return std::nullopt;
    }
    iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    std::string out(text.size() * 4 + 16, '\0');  // no set here needs more, escape sequences included
    char* in = const_cast<char*>(text.data());    // POSIX's signature; the input is not written
    size_t in_left = text.size();
    char* to = out.data();
    size_t to_left = out.size();
    while (in_left > 0) {
      if (iconv(handle_, &in, &in_left, &to, &to_left) != static_cast<size_t>(-1)) {
        continue;
      }
      if (errno != E2BIG) {
        return std::nullopt;
      }
      Grow(out, to, to_left);
    }
    while (iconv(handle_, nullptr, nullptr, &to, &to_left) == static_cast<size_t>(-1)) {
      Grow(out, to, to_left);
    }
    out.resize(out.size() - to_left);
    return out;
  }

 private:
  static void Grow(std::string& out, char*& to, size_t& to_left) {
    const size_t used = out.size() - to_left;
    out.resize(out.size() * 2);
    to = out.data() + used;
    to_left = out.size() - used;
  }
  iconv_t handle_;
};

std::optional<std::string> Convert(std::string_view text, const std::string& from, const std::string& to = "UTF-8") {
  // One for each thread: iconv's handles hold a state, and opening one is slow.
  thread_local std::map<std::pair<std::string, std::string>, std::unique_ptr<Converter>> converters;
  std::unique_ptr<Converter>& converter = converters[{from, to}];
  if (!converter) {
    converter = std::make_unique<Converter>(to.c_str(), from.c_str());
  }
  return converter->Convert(text);
}

// A graphic character set of PS3.3 §C.12.1.1.2: what an escape sequence puts where, and iconv's name for it.
struct CodeElement {
  int ir;                   // registration number, the number in the defined term
  std::string_view escape;  // without ESC
  bool right;               // goes to G1 (bytes A1..FF), else to G0
  int bytes;                // per character
  const char* iconv_name;   // takes the bytes with the high bit set, or `prefix` and those
  std::string_view prefix;
};
constexpr auto kCodeElements = std::to_array<CodeElement>({
    {6, "(B", false, 1, nullptr, ""},  // ASCII
    // JIS X 0201 Romaji differs from ASCII in the yen sign and the overline only. The yen sign's code separates values,
    // and devices mean a tilde: taken as ASCII.
    {14, "(J", false, 1, nullptr, ""},
    {13, ")I", true, 1, "EUC-JP", "\x8e"},  // JIS X 0201 Katakana
    {100, "-A", true, 1, "ISO-8859-1", ""},
    {101, "-B", true, 1, "ISO-8859-2", ""},
    {109, "-C", true, 1, "ISO-8859-3", ""},
    {110, "-D", true, 1, "ISO-8859-4", ""},
    {144, "-L", true, 1, "ISO-8859-5", ""},
    {127, "-G", true, 1, "ISO-8859-6", ""},
    {126, "-F", true, 1, "ISO-8859-7", ""},
    {138, "-H", true, 1, "ISO-8859-8", ""},
    {148, "-M", true, 1, "ISO-8859-9", ""},
    {203, "-b", true, 1, "ISO-8859-15", ""},
    {166, "-T", true, 1, "ISO-8859-11", ""},
    {87, "$B", false, 2, "EUC-JP", ""},
    {87, "$@", false, 2, "EUC-JP", ""},        // JIS C 6226-1978, the older edition
    {159, "$(D", false, 2, "EUC-JP", "\x8f"},  // JIS X 0212
    {149, "$)C", true, 2, "EUC-KR", ""},
    {58, "$)A", true, 2, "EUC-CN", ""},
});

// The registration number in a defined term, however it is spelt: "ISO_IR 100", "ISO 2022 IR 100", "ISO-IR 100".
int RegistrationOf(std::string_view term) {
  const size_t ir = AsciiLower(term).rfind("ir");
  if (ir == std::string::npos) {
    return 0;
  }
  const std::string_view digits = term.substr(std::min(term.size(), term.find_first_of("0123456789", ir)));
  return static_cast<int>(std::min<uint64_t>(ParseUint(Trim(digits)).value_or(0), 9999));
}

const CodeElement* FindElement(int ir, std::optional<bool> right = std::nullopt) {
  for (const CodeElement& element : kCodeElements) {
    if (element.ir == ir && (!right || element.right == *right)) {
      return &element;
    }
  }
  return nullptr;
}

// What (0008,0005) declares.
struct Declared {
  const char* whole = nullptr;         // iconv's name of a set without code extensions that takes the whole text
  const CodeElement* right = nullptr;  // initially in G1
};

Declared ParseDeclared(std::string_view specific_character_set) {
  Declared declared;
  const std::string_view first = Trim(Split(specific_character_set, '\\').front());
  const int ir = RegistrationOf(first);
  if (ir == 192 || EqualsIgnoreCase(first, "UTF-8") || EqualsIgnoreCase(first, "UTF8")) {
    declared.whole = "UTF-8";
  } else if (EqualsIgnoreCase(first, "GB18030")) {
    declared.whole = "GB18030";
  } else if (EqualsIgnoreCase(first, "GBK")) {
    declared.whole = "GBK";
  } else {
    declared.right = FindElement(ir, true);
  }
  return declared;
}

// Which characters end the reach of an escape sequence, PS3.5 §6.1.2.5.3.
std::string_view DelimitersOf(Tag tag) {
  const std::string_view vr = VrOf(tag);
  if (vr == "PN") {
    return "\\^=\r\n\f\t";
  }
  return vr == "ST" || vr == "LT" || vr == "UT" ? "\r\n\f\t" : "\\\r\n\f\t";
}

class Iso2022Decoder {
 public:
  Iso2022Decoder(const CodeElement* right, std::string_view delimiters, std::string_view fallback)
      : initial_right_(right), delimiters_(delimiters), fallback_(fallback) {
    Reset();
  }

  std::string Decode(std::string_view text) {
    while (!text.empty()) {
      text.remove_prefix(text[0] == kEscape ? TakeEscape(text) : TakeRun(text));
    }
    return std::move(out_);
  }
  // Everything decoded with what is declared or chosen by an escape sequence.
  bool clean() const { return clean_; }

 private:
  void Reset() {
    left_ = nullptr;
    right_ = initial_right_;
  }

  size_t TakeEscape(std::string_view text) {
    for (const CodeElement& element : kCodeElements) {
      if (text.substr(1).starts_with(element.escape)) {
        (element.right ? right_ : left_) = element.bytes == 1 && !element.right ? nullptr : &element;
        return 1 + element.escape.size();
      }
    }
    clean_ = false;  // an unknown escape sequence: its characters remain, ESC goes
    return 1;
  }

  size_t TakeRun(std::string_view text) {
    const auto is_right = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
    if (!is_right(text[0])) {
      if (left_ != nullptr && text[0] > ' ' && text[0] < 0x7f) {
        return TakeLeft(text);
      }
      out_.push_back(text[0]);
      if (delimiters_.find(text[0]) != std::string_view::npos) {
        Reset();
      }
      return 1;
    }
    const auto end = std::find_if_not(text.begin(), text.end(), is_right);
    const std::string_view run = text.substr(0, static_cast<size_t>(end - text.begin()));
    Append(run, right_);
    return run.size();
  }

  // Two-byte characters in G0.
  size_t TakeLeft(std::string_view text) {
    size_t end = 0;
    while (end < text.size() && text[end] > ' ' && text[end] < 0x7f) {
      ++end;
    }
    std::string bytes(text.substr(0, end));
    for (char& c : bytes) {
      c = static_cast<char>(c | '\x80');
    }
    Append(bytes, left_);
    return end;
  }

  // Character by character when the whole does not decode, so that one bad byte spoils one character.
  void Append(std::string_view bytes, const CodeElement* element) {
    if (element != nullptr) {
      if (std::optional<std::string> text = ConvertWith(*element, bytes)) {
        out_ += *text;
        return;
      }
    }
    clean_ = false;
    const size_t step = element == nullptr ? bytes.size() : static_cast<size_t>(element->bytes);
    for (size_t at = 0; at < bytes.size(); at += step) {
      const std::string_view piece = bytes.substr(at, step);
      std::optional<std::string> text = element == nullptr ? std::nullopt : ConvertWith(*element, piece);
      if (!text && (element == nullptr || element->right)) {
        text = ConvertFallback(piece);
      }
      out_ += text ? *text : std::string(piece.size(), '?');
    }
  }

  static std::optional<std::string> ConvertWith(const CodeElement& element, std::string_view bytes) {
    if (element.prefix.empty()) {
      return Convert(bytes, element.iconv_name);
    }
    std::string prefixed;
    for (size_t at = 0; at < bytes.size(); at += static_cast<size_t>(element.bytes)) {
      prefixed.append(element.prefix).append(bytes.substr(at, static_cast<size_t>(element.bytes)));
    }
    return Convert(prefixed, element.iconv_name);
  }

  std::optional<std::string> ConvertFallback(std::string_view bytes) const {
    const Declared declared = ParseDeclared(fallback_);
    if (declared.whole != nullptr) {
      return Convert(bytes, declared.whole);
    }
    return declared.right == nullptr ? std::nullopt : ConvertWith(*declared.right, bytes);
  }

  const CodeElement* initial_right_;
  std::string_view delimiters_;
  std::string_view fallback_;
  const CodeElement* left_ = nullptr;   // null: ASCII
  const CodeElement* right_ = nullptr;  // null: nothing
  std::string out_;
  bool clean_ = true;
};

}  // namespace

std::string DecodeText(std::string_view text, std::string_view specific_character_set, Tag tag,
                       std::string_view fallback) {
  const bool has_escape = text.find(kEscape) != std::string_view::npos;
  if (!has_escape && IsAscii(text)) {
    return std::string(text);
  }
  const Declared declared = ParseDeclared(specific_character_set);
  if (declared.whole != nullptr && !IsAscii(text)) {
    if (std::optional<std::string> decoded = Convert(text, declared.whole)) {
      return *std::move(decoded);
    }
  }
  Iso2022Decoder decoder(declared.right, DelimitersOf(tag), fallback);
  std::string decoded = decoder.Decode(text);
  return !decoder.clean() && !has_escape && IsValidUtf8(text) ? std::string(text) : decoded;
}

namespace {

// One component (between delimiters): the escape sequence, when one is needed, is valid up to its end.
std::optional<std::string> EncodeComponent(std::string_view utf8, const std::vector<std::string_view>& terms) {
  if (IsAscii(utf8)) {
    return std::string(utf8);
  }
  for (size_t i = terms.size(); i-- > 0;) {
    const int ir = RegistrationOf(terms[i]);
    const CodeElement* element = FindElement(ir, true);
    if (ir == 87) {
      if (auto text = Convert(utf8, "UTF-8", "ISO-2022-JP")) {
        return text;
      }
    } else if (element != nullptr && element->prefix.empty()) {
      if (auto text = Convert(utf8, "UTF-8", element->iconv_name)) {
        return i == 0 && element->bytes == 1 ? *text : StrCat(kEscape, element->escape, *text);
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> EncodeText(std::string_view utf8, std::string_view specific_character_set) {
  if (const Declared declared = ParseDeclared(specific_character_set); declared.whole != nullptr) {
    return Convert(utf8, "UTF-8", declared.whole);
  }
  const std::vector<std::string_view> terms = Split(specific_character_set, '\\');
  std::string out;
  while (true) {
    const size_t end = std::min(utf8.size(), utf8.find_first_of("\\^=\r\n\f\t"));
    const std::optional<std::string> component = EncodeComponent(utf8.substr(0, end), terms);
    if (!component) {
      return std::nullopt;
    }
    out += *component;
    if (end == utf8.size()) {
      return out;
    }
    out.push_back(utf8[end]);
    utf8.remove_prefix(end + 1);
  }
}

}  // namespace trolley

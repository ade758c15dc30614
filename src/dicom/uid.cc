#include "trolley/uid.h"

#include <algorithm>

#include "base/text.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kMaxLength = 64;

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool IsUidCharacter(char c) {
  return IsAlphanumeric(c) || c == '.' || c == '-' || c == '_';
}

std::string_view TrimPaddingOfUid(std::string_view text) {
  constexpr std::string_view kPadding("\0 ", 2);
  const size_t first = text.find_first_not_of(kPadding);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kPadding) - first + 1);
}

// What is wrong with it; empty when nothing is.
std::string_view Objection(std::string_view text) {
  if (text.empty()) {
    return "it is empty";
  }
  if (text.size() > kMaxLength) {
    return "it is longer than 64 characters";
  }
  if (!std::all_of(text.begin(), text.end(), IsUidCharacter)) {
    return "it has characters other than digits, letters, \".\", \"-\" and \"_\"";
  }
  // Excludes ".", "..", hidden files and command line options.
  if (!IsAlphanumeric(text.front())) {
    return "it begins with a character that is neither a digit nor a letter";
  }
  return {};
}

}  // namespace

std::optional<Uid> Uid::Parse(std::string_view text) {
  const std::string_view uid = TrimPaddingOfUid(text);
  if (!Objection(uid).empty()) {
    return std::nullopt;
  }
  return Uid(Trusted(), std::string(uid));
}

Uid::Uid(std::string_view text) : text_(TrimPaddingOfUid(text)) {
  const std::string_view objection = Objection(text_);
  if (!objection.empty()) {
    // What is no UID may be anything, a patient's name too.
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot use \"", Sensitive(text_), "\" as a UID: ", objection));
  }
}

}  // namespace trolley

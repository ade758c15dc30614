#include "http/auth/challenge.h"

#include <algorithm>

#include "base/text.h"

namespace trolley::internal {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool AtEnd() const { return text_.empty(); }
  bool Skip(std::string_view characters) {
    const size_t before = text_.size();
    text_.remove_prefix(std::min(text_.find_first_not_of(characters), text_.size()));
    return text_.size() < before;
  }
  // Up to one of `ends`.
  std::string_view Word(std::string_view ends) {
    const std::string_view word = text_.substr(0, text_.find_first_of(ends));
    text_.remove_prefix(word.size());
    return word;
  }
  bool SkipOne(char c) {
    if (!text_.starts_with(c)) {
      return false;
    }
    text_.remove_prefix(1);
    return true;
  }
  // Reads the rest of a quoted string, after its opening quote, and its closing quote.
  std::string Quoted() {
    std::string value;
    while (!AtEnd() && !SkipOne('"')) {
      if (SkipOne('\\') && AtEnd()) {
        break;
      }
      value.push_back(text_.front());
      text_.remove_prefix(1);
    }
    return value;
  }

 private:
  std::string_view text_;
};

}  // namespace

std::string AuthChallenge::Parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

std::vector<AuthChallenge> ParseChallenges(std::string_view header) {
  std::vector<AuthChallenge> challenges;
  Scanner scanner(header);
  while (true) {
    scanner.Skip(" \t,");
    if (scanner.AtEnd()) {
      return challenges;
    }
    const std::string name = AsciiLower(scanner.Word(" \t,=\""));
    scanner.Skip(" \t");
    if (!scanner.SkipOne('=')) {
      if (scanner.SkipOne('"') || name.empty()) {  // a value without a name
        (void)scanner.Quoted();
      } else {
        challenges.push_back({name, {}});
      }
      continue;
    }
    scanner.Skip(" \t");
    std::string value = scanner.SkipOne('"') ? scanner.Quoted() : std::string(scanner.Word(" \t,"));
    if (!challenges.empty() && !name.empty()) {
      challenges.back().parameters.emplace(name, std::move(value));
    }
  }
}

}  // namespace trolley::internal

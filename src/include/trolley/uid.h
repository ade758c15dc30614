#ifndef TROLLEY_UID_H_
#define TROLLEY_UID_H_

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace trolley {

// A unique identifier, PS3.5 §9. Holds 1 to 64 characters of [0-9.] and what archives really send besides (letters,
// "-",
// "_"); never ".", "..", a "/" or anything that would mean something in a path or a URL. A regular value.
class Uid {
 public:
  // Takes off padding (NUL, blanks). nullopt when what remains is no Uid.
  static std::optional<Uid> Parse(std::string_view text);
  // As Parse, but throws Error{kInvalidArgument}.
  explicit Uid(std::string_view text);

  const std::string& str() const { return text_; }
  auto operator<=>(const Uid&) const = default;

 private:
  struct Trusted {};
  Uid(Trusted, std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace trolley

template <>
struct std::hash<trolley::Uid> {
  size_t operator()(const trolley::Uid& uid) const noexcept { return std::hash<std::string>()(uid.str()); }
};

#endif  // TROLLEY_UID_H_

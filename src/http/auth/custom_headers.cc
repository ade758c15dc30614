#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/secret_reader.h"
#include "base/text.h"
#include "http/auth/auth_text.h"
#include "http/auth/lines_authenticator.h"
#include "trolley/authenticator.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using internal::LinesAuthenticator;
using Lines = LinesAuthenticator::Lines;

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool IsSetByClient(std::string_view name) {
  static constexpr std::string_view kNames[] = {"accept",     "accept-encoding",
                                                "connection", "content-length",
                                                "expect",     "content-type",
                                                "host",       "proxy-authorization",
                                                "range",      "te",
                                                "upgrade",    "transfer-encoding"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [name](std::string_view own) { return EqualsIgnoreCase(name, own); });
}

std::string MakeLine(const CustomHeader& header) {
  const auto refuse = [&header](std::string_view reason) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot use the custom header '", header.name, "': ", reason));
  };
  if (!IsHeaderName(header.name)) {
    refuse("this is not the name of a header");
  }
  if (IsSetByClient(header.name)) {
    refuse("the program sets it itself");
  }
  const std::string value = header.secret.empty() ? header.value : ReadSecret(header.secret);
  if (value.empty() || internal::HasControl(value)) {
    refuse("its value is empty or has line breaks or control characters");
  }
  return StrCat(header.name, ": ", value);
}

// The lines of two authenticators, those of `own` last.
class BothAuthenticator : public Authenticator {
 public:
  BothAuthenticator(std::shared_ptr<Authenticator> other, std::unique_ptr<Authenticator> own, size_t own_lines)
      : other_(std::move(other)), own_(std::move(own)), own_lines_(own_lines) {}

  Lines Headers(const AuthRequest& request) override {
    Lines lines = other_->Headers(request);
    const Lines own = own_->Headers(request);
    lines.insert(lines.end(), own.begin(), own.end());
    return lines;
  }
  bool Refused(const HttpHead& head) const override { return other_->Refused(head); }
  bool Renew(const AuthRequest& request, const HttpHead& refusal, const Lines& sent) override {
    const auto middle = sent.end() - static_cast<std::ptrdiff_t>(std::min(own_lines_, sent.size()));
    const bool own = own_->Renew(request, refusal, {middle, sent.end()});
    const bool other = other_->Renew(request, refusal, {sent.begin(), middle});
    return own || other;
  }

 private:
  const std::shared_ptr<Authenticator> other_;
  const std::unique_ptr<Authenticator> own_;
  const size_t own_lines_;
};

}  // namespace

std::unique_ptr<Authenticator> CustomHeaders(std::vector<CustomHeader> headers, std::shared_ptr<Authenticator> other) {
  const size_t count = headers.size();
  auto own = std::make_unique<LinesAuthenticator>([headers = std::move(headers)] {
    Lines lines;
    for (const CustomHeader& header : headers) {
      lines.push_back(MakeLine(header));
    }
    return lines;
  });
  if (other == nullptr) {
    return own;
  }
  return std::make_unique<BothAuthenticator>(std::move(other), std::move(own), count);
}

}  // namespace trolley

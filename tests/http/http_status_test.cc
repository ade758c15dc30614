#include "http/http_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/url_for_log.h"
#include "trolley/error.h"
#include "trolley/http_client.h"
#include "trolley/log.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using testing::Not;

Error StatusError(const HttpHead& head, std::string_view body = {}) {
  try {
    CheckStatus(head, "search studies", body);
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorCode::kInvalidArgument, "nothing was thrown");
}

HttpHead Head(int status) {
  HttpHead head;
  head.status = status;
  return head;
}

TEST(HttpStatusTest, PassesSuccessAndAbsence) {
  for (const int status : {200, 204, 206, 299, 404, 410}) {
    EXPECT_NO_THROW(CheckStatus(Head(status), "x")) << status;
  }
}

TEST(HttpStatusTest, TellsFailuresApart) {
  const std::vector<std::pair<int, ErrorCode>> table = {
      {401, ErrorCode::kAccessDenied}, {403, ErrorCode::kAccessDenied}, {407, ErrorCode::kAccessDenied},
      {408, ErrorCode::kTimedOut},     {504, ErrorCode::kTimedOut},     {413, ErrorCode::kTooMany},
      {429, ErrorCode::kUnavailable},  {500, ErrorCode::kUnavailable},  {501, ErrorCode::kUnavailable},
      {503, ErrorCode::kUnavailable},  {599, ErrorCode::kUnavailable},  {400, ErrorCode::kProtocol},
      {406, ErrorCode::kProtocol},     {418, ErrorCode::kProtocol},     {301, ErrorCode::kProtocol},
      {304, ErrorCode::kProtocol},     {0, ErrorCode::kProtocol},       {199, ErrorCode::kProtocol},
      {600, ErrorCode::kProtocol},
  };
  for (const auto& [status, code] : table) {
    const Error error = StatusError(Head(status));
    EXPECT_EQ(error.code(), code) << status;
    EXPECT_THAT(error.what(), HasSubstr("Cannot search studies: the server responded with " + std::to_string(status)));
  }
}

TEST(HttpStatusTest, TellsWhenToAskAgain) {
  HttpHead head = Head(503);
  head.headers = {{"retry-after", "120"}};
  EXPECT_THAT(StatusError(head).what(), HasSubstr("120 s"));
  head.headers = {{"retry-after", "evil\n"}};
  EXPECT_THAT(StatusError(head).what(), Not(HasSubstr("evil")));
}

class ShownPatientData {
 public:
  ShownPatientData() { ConfigureLog({LogLevel::kInfo, true, ""}); }
  ~ShownPatientData() { ConfigureLog({}); }
};

TEST(HttpStatusTest, QuotesTheResponseOnlyWherePatientDataMayBeShown) {
  const std::string_view body = "<html><h1>Bad\x01</h1>\n\n  <b>PatientName</b> Doe^John &amp; more</html>";
  EXPECT_THAT(StatusError(Head(500), body).what(), Not(HasSubstr("Doe")));
  const ShownPatientData shown;
  EXPECT_THAT(StatusError(Head(500), body).what(), HasSubstr("(\"Bad PatientName Doe^John &amp; more\")"));
  EXPECT_LT(std::string_view(StatusError(Head(500), std::string(100'000, 'x')).what()).size(), 500u);
  EXPECT_THAT(StatusError(Head(500), "").what(), Not(HasSubstr("\"")));
}

TEST(HttpStatusTest, UrlsAreLoggedWithoutSecretsAndValues) {
  const std::vector<std::pair<std::string_view, std::string>> table = {
      {"http://h:1/p", "http://h:1/p"},
      {"https://h/p?PatientName=Doe^John&limit=5#x", "https://h/p?PatientName=...&limit=..."},
      {"http://h/p?a=b=c;d=e", "http://h/p?a=..."},
      {"http://h/p?Doe&=x&&", "http://h/p?...&=...&&"},
      {"http://h/p?", "http://h/p?"},
      {"http://user:pass@h/p", "http://h/p"},
      {"http://user:p@ss@h:80/p", "http://h:80/p"},
      {"http://user:pa/ss@h/p", "http://..."},
      {"http://user:pa?ss@h/p", "http://..."},
      {"http://user:pa#ss@h/p", "http://..."},
      {"http://user@[::1]:8042/p?q=1", "http://[::1]:8042/p?q=..."},
      {"http://[::1]/p", "http://[::1]/p"},
      {"user:pass@h/p", "h/p"},
      {"http://h/\n\x80p", "http://h/??p"},
      {"", ""},
  };
  for (const auto& [url, logged] : table) {
    EXPECT_EQ(UrlForLog(url), logged) << url;
  }
  EXPECT_LT(UrlForLog("http://h/" + std::string(1'000'000, 'x')).size(), 2000u);
}

}  // namespace
}  // namespace trolley

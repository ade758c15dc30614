#ifndef TROLLEY_HTTP_AUTH_LOGIN_GRANT_H_
#define TROLLEY_HTTP_AUTH_LOGIN_GRANT_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "http/auth/authenticator.h"
#include "http/auth/cookie_jar.h"
#include "http/auth/login.h"

namespace trolley::internal {

// What a login gave.
struct Grant {
  std::string line = {};  // a header, or none
  CookieJar cookies = {};
  std::optional<Clock::time_point> renew_at = {};  // of LoginOptions::now
  std::optional<Clock::time_point> expires = {};
};

// A way to log in. Its calls come one at a time.
class Login {
 public:
  virtual ~Login() = default;
  // What the next Obtain() will use: a login that was refused is not tried again with the same.
  virtual std::vector<std::string> Secrets() = 0;
  // Throws kAccessDenied when the server refuses these secrets.
  virtual Grant Obtain(const std::vector<std::string>& secrets, const Context& context) = 0;
  // Does this answer mean that there is no session, or none any more? May be called at any time.
  virtual bool Refused(const HttpHead& head) const = 0;
};

// Shares one login among all threads.
class GrantAuthenticator : public Authenticator {
 public:
  // `at_once`: log in before the first request, not only when one is refused.
  GrantAuthenticator(std::unique_ptr<Login> login, bool at_once, LoginOptions options)
      : login_(std::move(login)), options_(std::move(options)), needed_(at_once) {}

  std::vector<std::string> Headers(const AuthRequest& request) override;
  bool Refused(const HttpHead& head) const override { return login_->Refused(head); }
  bool Renew(const AuthRequest& request, const HttpHead& refusal, const std::vector<std::string>& sent) override;

 private:
  struct Held {
    Grant grant;
    Clock::time_point since;
  };
  struct Refusal {
    std::vector<std::string> secrets;
    Error error;
    Clock::time_point until;
  };
  using Lock = std::unique_lock<std::mutex>;

  std::shared_ptr<const Held> Usable(Lock& lock, const Context& context);
  std::shared_ptr<const Held> Obtain(Lock& lock, const Context& context);
  std::shared_ptr<const Held> ObtainUnlocked(const Context& context);
  void WaitForRound(Lock& lock, const Context& context);
  static std::vector<std::string> Lines(const Grant& grant, const std::string& url);

  const std::unique_ptr<Login> login_;
  const LoginOptions options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool needed_;
  std::shared_ptr<const Held> held_;
  bool busy_ = false;             // a thread is logging in
  uint64_t rounds_ = 0;           // logins that ended, one way or the other
  std::optional<Error> failure_;  // of the last round, for all who waited for it
  std::optional<Refusal> refusal_;
  std::optional<Clock::time_point> next_try_;  // of a renewal that can wait
};

// The connection for a login's own requests to `url`; see LoginOptions::http.
HttpOptions LoginConnection(const LoginOptions& options, const std::string& url);

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_AUTH_LOGIN_GRANT_H_

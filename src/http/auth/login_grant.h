#ifndef TROLLEY_HTTP_AUTH_LOGIN_GRANT_H_
#define TROLLEY_HTTP_AUTH_LOGIN_GRANT_H_

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "http/auth/cookie_jar.h"
#include "trolley/authenticator.h"
#include "trolley/error.h"

namespace trolley::internal {

// The result of a login.
struct Grant {
  std::string line = {};  // a header, or none
  CookieJar cookies = {};
  std::optional<Clock::time_point> renew_at = {};  // of LoginOptions::now
  std::optional<Clock::time_point> expires = {};
};

// A login procedure. Secrets() and Obtain() are called by one thread at any moment.
class Login {
 public:
  virtual ~Login() = default;
  // The secrets for the next Obtain(). A refused login is not tried again with the same ones.
  virtual std::vector<std::string> Secrets() = 0;
  // Throws kAccessDenied when the server refuses these secrets.
  virtual Grant Obtain(const std::vector<std::string>& secrets, const Context& context) = 0;
  // True: this response means that there is no session, or that it has ended. Called by any thread at any time.
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

  // The result of one login: a grant or what was thrown.
  struct Round {
    std::shared_ptr<const Held> held = {};
    std::exception_ptr thrown = {};
    std::optional<Error> error = {};  // `thrown`, if it is an Error
  };

  // A valid grant; logs in or waits for the login of another thread when there is none.
  std::shared_ptr<const Held> Current(const Context& context) TROLLEY_EXCLUDES(mutex_);
  Round Obtain(const Context& context) TROLLEY_EXCLUDES(mutex_);
  std::shared_ptr<const Held> LogIn(const Context& context) TROLLEY_EXCLUDES(mutex_);
  void EndRound(const Round& round, const Context& context) TROLLEY_REQUIRES(mutex_);
  void WaitForRound(MutexLock& lock, const Context& context) TROLLEY_REQUIRES(mutex_);
  static std::vector<std::string> Lines(const Grant& grant, const std::string& url);

  const std::unique_ptr<Login> login_;
  const LoginOptions options_;
  Mutex mutex_;
  StoppableCondition changed_;
  bool needed_ TROLLEY_GUARDED_BY(mutex_);
  std::shared_ptr<const Held> held_ TROLLEY_GUARDED_BY(mutex_);
  bool busy_ TROLLEY_GUARDED_BY(mutex_) = false;             // a thread is logging in
  uint64_t rounds_ TROLLEY_GUARDED_BY(mutex_) = 0;           // logins that ended, one way or the other
  std::optional<Error> failure_ TROLLEY_GUARDED_BY(mutex_);  // of the last round, for all who waited for it
  std::optional<Refusal> refusal_ TROLLEY_GUARDED_BY(mutex_);
  std::optional<Clock::time_point> next_try_ TROLLEY_GUARDED_BY(mutex_);  // of a renewal that can wait
};

// The connection for a login's own requests to `url`; see LoginOptions::http.
HttpOptions LoginConnection(const LoginOptions& options, const std::string& url);

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_AUTH_LOGIN_GRANT_H_

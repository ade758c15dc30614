// One grant for all threads: the first one that needs it logs in on its own thread, with its own context; the others
// wait for the end of that round. No lock is held while a request is under way.
#include "http/auth/login_grant.h"

#include <algorithm>
#include <exception>

#include "base/text.h"
#include "http/http_url.h"
#include "http/url_for_log.h"
#include "trolley/authenticator.h"
#include "trolley/log.h"

namespace trolley::internal {
namespace {

constexpr auto kRenewalPause = std::chrono::seconds(10);

}  // namespace

std::vector<std::string> GrantAuthenticator::Headers(const AuthRequest& request) {
  {
    const MutexLock lock(mutex_);
    if (!needed_) {
      return {};
    }
  }
  return Lines(Current(request.context)->grant, request.url);
}

bool GrantAuthenticator::Renew(const AuthRequest& request, const HttpHead&, const std::vector<std::string>& sent) {
  const MutexLock lock(mutex_);
  if (!needed_) {
    needed_ = true;
    return true;
  }
  if (held_ == nullptr) {
    return true;  // dropped already by another request that was refused
  }
  const std::vector<std::string> lines = Lines(held_->grant, request.url);
  if (lines.empty()) {
    LogWarning(StrCat("The login gave no cookie for the host of ", UrlForLog(request.url)));
    return false;
  }
  if (lines != sent) {
    return true;
  }
  // A server that refuses what it has just given would refuse the next one too.
  if (options_.now() - held_->since < options_.min_age) {
    return false;
  }
  held_.reset();
  return true;
}

std::shared_ptr<const GrantAuthenticator::Held> GrantAuthenticator::Current(const Context& context) {
  MutexLock lock(mutex_);
  while (true) {
    const auto now = options_.now();
    const bool valid = held_ != nullptr && (!held_->grant.expires || now < *held_->grant.expires);
    const bool due = valid && held_->grant.renew_at && now >= *held_->grant.renew_at;
    if (valid && (!due || busy_ || (next_try_ && now < *next_try_))) {
      return held_;
    }
    if (busy_) {
      WaitForRound(lock, context);
      continue;
    }
    busy_ = true;
    lock.Unlock();
    const Round round = Obtain(context);
    lock.Lock();
    EndRound(round, context);
    if (round.held != nullptr) {
      return round.held;
    }
    if (!round.error || !valid || held_ == nullptr || round.error->code() == ErrorCode::kCancelled) {
      std::rethrow_exception(round.thrown);
    }
    LogWarning(round.error->what());  // the old grant is still valid
    next_try_ = now + kRenewalPause;
  }
}

// Waits for the login that is under way; throws what it threw.
void GrantAuthenticator::WaitForRound(MutexLock& lock, const Context& context) {
  const uint64_t round = rounds_;
  const bool ended = changed_.WaitUntil(lock, context.stop, context.deadline,
                                        [this, round]() TROLLEY_REQUIRES(mutex_) { return rounds_ != round; });
  if (!ended) {
    context.Check("wait for a login to the archive");
  } else if (failure_) {
    throw Error(*failure_);
  }
}

GrantAuthenticator::Round GrantAuthenticator::Obtain(const Context& context) {
  Round round;
  try {
    round.held = LogIn(context);
  } catch (const Error& error) {
    round.thrown = std::current_exception();
    round.error = error;
  } catch (...) {
    round.thrown = std::current_exception();
  }
  return round;
}

void GrantAuthenticator::EndRound(const Round& round, const Context& context) {
  busy_ = false;
  ++rounds_;
  failure_ = round.error;
  if (round.held != nullptr) {
    held_ = round.held;
    refusal_.reset();
    next_try_.reset();
  } else if (round.error && (round.error->code() == ErrorCode::kCancelled ||
                             (round.error->code() == ErrorCode::kTimedOut && Clock::now() >= context.deadline))) {
    failure_.reset();  // this caller gave up: one of those who wait logs in instead
  }
  changed_.NotifyAll();
}

std::shared_ptr<const GrantAuthenticator::Held> GrantAuthenticator::LogIn(const Context& context) {
  std::vector<std::string> secrets = login_->Secrets();
  const auto now = options_.now();
  {
    const MutexLock lock(mutex_);
    if (refusal_ && refusal_->secrets == secrets && now < refusal_->until) {
      throw Error(refusal_->error);
    }
  }
  const Context limited{context.stop, std::min(context.deadline, Clock::now() + options_.timeout)};
  try {
    return std::make_shared<const Held>(Held{login_->Obtain(secrets, limited), now});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kAccessDenied) {
      const MutexLock lock(mutex_);
      refusal_ = Refusal{std::move(secrets), error, now + options_.refused_wait};
    }
    throw;
  }
}

std::vector<std::string> GrantAuthenticator::Lines(const Grant& grant, const std::string& url) {
  std::vector<std::string> lines;
  if (!grant.line.empty()) {
    lines.push_back(grant.line);
  }
  if (std::string cookies = grant.cookies.Line(url); !cookies.empty()) {
    lines.push_back(std::move(cookies));
  }
  return lines;
}

HttpOptions LoginConnection(const LoginOptions& options, const std::string& url) {
  HttpOptions http = options.http;
  http.auth = nullptr;
  const auto origin = HttpOrigin(url);
  const bool at_home = std::any_of(http.home.begin(), http.home.end(),
                                   [&origin](const std::string& home) { return HttpOrigin(home) == origin; });
  if (!at_home) {
    http.headers.clear();
    http.client_certificate = {};
  }
  http.home = {url};
  return http;
}

}  // namespace trolley::internal

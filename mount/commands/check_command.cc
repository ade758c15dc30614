// `trolleyfs check`: one step after another, so that the first line that fails says what to mend.
#include "mount/commands/check_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <utility>

#include "base/text.h"
#include "config/registry.h"
#include "dimse/association_pool.h"
#include "mount/commands/check_sample.h"
#include "mount/commands/exit_codes.h"
#include "mount/commands/interruption.h"
#include "mount/commands/open_archive.h"
#include "mount/commands/readiness.h"
#include "mount/commands/terminal_text.h"
#include "trolley/error.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

constexpr char kCheckFooter[] = R"(
Tries these steps and reports of each whether it works, how long it took, and what to do when it does not:
  configuration  the archive is known, and its secrets can be read
  association    for DICOM: the archive accepts our AE title and responds to a C-ECHO
  login          for HTTP: the archive accepts the credentials that are configured
  search         a query for a few studies gives a result
  retrieve       one small instance arrives, whole and as a DICOM file
Nothing is kept, and no patient is shown.

Exit codes: 0 all works, 1 something does not, 2 wrong usage.)";

// Prints a line for each step, and remembers whether all went well.
class Report {
 public:
  void Ok(const std::string& step, Clock::duration took, const std::string& meaning) {
    Line(step, "ok", Milliseconds(took), meaning);
  }
  void Failed(const std::string& step, Clock::duration took, const std::string& reason) {
    failed_ = true;
    Line(step, "FAILED", Milliseconds(took), reason);
  }
  void Skipped(const std::string& step, const std::string& reason) { Line(step, "skipped", "", reason); }
  bool failed() const { return failed_; }

 private:
  static std::string Milliseconds(Clock::duration took) {
    return StrCat(std::chrono::duration_cast<std::chrono::milliseconds>(took).count(), " ms");
  }
  static void Line(const std::string& step, const std::string& result, const std::string& took,
                   const std::string& text) {
    std::printf("%-14s %-7s %9s  %s\n", step.c_str(), result.c_str(), took.c_str(), Printable(text).c_str());
    std::fflush(stdout);  // the next step may take a while
  }

  bool failed_ = false;
};

// A remedy, unless the error's message names one itself.
std::string Advice(const Error& error, const std::string& step) {
  const std::string_view message = error.what();
  if (message.find(';') != std::string_view::npos) {
    return "";
  }
  switch (error.code()) {
    case ErrorCode::kUnavailable:
      if (message.find("TLS") != std::string_view::npos) {
        return "; does this port expect https, or DICOM TLS?";
      }
      return "; is the archive running, is the address right, and does a firewall let us through?";
    case ErrorCode::kTimedOut:
      return "; is it the right address, and is the archive busy? --timeout waits longer";
    case ErrorCode::kAccessDenied:
      return "; check what is configured for auth";
    case ErrorCode::kProtocol:
      return step == "retrieve" ? "; does the downloader's type fit this archive?"
                                : "; is it the address of such a service? check type and url or port";
    case ErrorCode::kUnsupported:
      return "; another type of searcher or downloader may do";
    default:
      return "";
  }
}

class Checker {
 public:
  Checker(const CheckOptions& options, std::stop_token stop) : options_(options), stop_(std::move(stop)) {}

  // Whether all works.
  bool Run() {
    if (!Step("configuration", [this] { return Open(); })) {
      return false;
    }
    bool reached = Associate("association", clients_.searcher_associations);
    if (clients_.downloader_associations != clients_.searcher_associations) {
      reached = Associate("association 2", clients_.downloader_associations) && reached;
    }
    if (!reached) {
      report_.Skipped("search", "no association, see above");
    } else if (Search() && studies_->empty()) {
      report_.Skipped("retrieve", "the archive shows no study to try it with");
    } else if (studies_ != nullptr) {
      Step("retrieve", [this] { return Retrieve(); });
    }
    if (studies_ == nullptr) {
      report_.Skipped("retrieve", "needs an instance that a search has found");
    }
    return !report_.failed();
  }

 private:
  // `work` gives what its success means.
  bool Step(const std::string& name, const std::function<std::string()>& work) {
    const Clock::time_point begin = Clock::now();
    try {
      const std::string meaning = work();
      report_.Ok(name, Clock::now() - begin, meaning);
      return true;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) {
        throw;
      }
      report_.Failed(error.code() == ErrorCode::kAccessDenied && name == "search" && UsesHttp() ? "login" : name,
                     Clock::now() - begin, error.what() + Advice(error, name));
    } catch (const std::exception& error) {
      report_.Failed(name, Clock::now() - begin, error.what());
    }
    return false;
  }

  Context MakeContext(std::chrono::milliseconds usual) const {
    return Context::WithTimeout(options_.timeout.value_or(usual), stop_);
  }

  std::string Open() {
    config_ = ChooseArchive(options_.archive, options_.common);
    clients_ = OpenClients(config_);
    return StrCat(config_.name, ": search by ", Describe(*config_.searcher), ", retrieval by ",
                  Describe(*config_.downloader));
  }

  static std::string Describe(const ClientConfig& client) {
    return StrCat(client.type(), " ", AddressOf(client.endpoint()));
  }

  bool UsesHttp() const { return config_.searcher->endpoint_as<HttpEndpoint>() != nullptr; }

  bool Associate(const std::string& step, const std::shared_ptr<AssociationPool>& associations) {
    if (associations == nullptr) {
      return true;
    }
    return Step(step, [&] {
      Echo(*associations, MakeContext(config_.connect_timeout + config_.stall_timeout));
      return StrCat(PeerForLog(associations->peer()), " accepts ", associations->peer().calling_aet,
                    " and responds to C-ECHO");
    });
  }

  bool Search() {
    const bool logs_in = UsesHttp() && !AccountOf(config_.searcher->endpoint(), config_.auth.get()).empty();
    return Step("search", [&] {
      const Clock::time_point begin = Clock::now();
      const SearchResult studies =
          FindSomeStudies(*clients_.searcher, config_.browse, MakeContext(QueryTimeout(config_)));
      if (logs_in) {
        report_.Ok("login", Clock::now() - begin, "the archive accepts the credentials");
      }
      studies_ = studies;
      return studies->empty() ? "the archive shows no studies" : "the archive shows studies";
    });
  }

  std::string Retrieve() {
    const Context context = MakeContext(QueryTimeout(config_) + config_.stall_timeout);
    const auto sample = PickSample(*clients_.searcher, *studies_, context);
    if (!sample) {
      throw Error(ErrorCode::kProtocol, "Cannot find an instance to try: the studies that the archive shows have none");
    }
    const RetrievedSample retrieved = RetrieveSample(*clients_.downloader, *sample, context);
    return StrCat("an instance of ", retrieved.bytes, " bytes arrived complete, transfer syntax ",
                  retrieved.transfer_syntax);
  }

  const CheckOptions& options_;
  const std::stop_token stop_;
  Report report_;
  ArchiveConfig config_;
  Clients clients_;
  SearchResult studies_;
};

}  // namespace

void DescribeCheck(CLI::App& app, CheckOptions& options) {
  app.footer(StrCat(kArchiveHelp, "\n", kCheckFooter));
  app.add_option("ARCHIVE", options.archive, "The archive to try")->type_name(" ")->required();
  DescribeTimeout(app, options.timeout);
  DescribeCommonOptions(app, options.common);
  DescribeCacheDirectory(app, options.common);
}

int RunCheck(const CheckOptions& options) {
  Interruption interruption;
  try {
    ConfigureCommandLog(options.common);
    return Checker(options, interruption.token()).Run() ? kExitOk : kExitFailure;
  } catch (const std::exception& e) {
    interruption.EndBySignal();
    PrintFailure(StrCat("Cannot check the archive: ", e.what()));
    return kExitFailure;
  }
}

}  // namespace trolley

// `trolleyfs get`: resolves what is wanted to references, and lets Trolley::Download write them.
#include "mount/commands/get_command.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/text.h"
#include "mount/commands/exit_codes.h"
#include "mount/commands/interruption.h"
#include "mount/commands/open_archive.h"
#include "mount/commands/progress_display.h"
#include "mount/commands/readiness.h"
#include "trolley/caching_searcher.h"
#include "trolley/client.h"
#include "trolley/error.h"
#include "trolley/readable_storage.h"

namespace trolley {
namespace {

constexpr char kGetFooter[] = R"(
WHAT is one of
  Keyword=value   whatever matches, as for find: PatientID=1234 ModalitiesInStudy=CT StudyDate=20200301-
                  A criterion of series or instances (Modality=CT) gets just the series or instances that match
  UIDs            1.2.3 (a study), 1.2.3/4.5 (a series of it), 1.2.3/4.5/6.7 (an instance), any number of them
  -               a cohort from standard input, one line each: an accession number, UIDs, or Keyword=value. Empty
                  lines and those that begin with # are left out. A line that fails is reported with its number, the
                  others go on

Layouts:
  tree      STUDY/SERIES/INSTANCE.dcm, all of them UIDs
  flat      INSTANCE.dcm
  readable  names as a mount shows them: "2020-03-01 CT Chest~3f9a2c/004 CT AX 1.0~81c02a/00012.dcm"

A file gets its name only when it is complete. The same command again continues where an earlier one ended: complete files
are not fetched again. Failures are listed on standard error; everything else is fetched.
Exit codes: 0 everything is there, 1 something is missing, 2 wrong usage.)";

struct RawGetOptions {
  std::vector<std::string> wanted;
  std::string output;
  std::string layout = "tree";
  std::string jobs;
};

GetOptions::Layout ParseLayout(const std::string& name) {
  if (name == "tree") {
    return GetOptions::Layout::kTree;
  }
  if (name == "flat") {
    return GetOptions::Layout::kFlat;
  }
  if (name == "readable") {
    return GetOptions::Layout::kReadable;
  }
  RefuseUsage(StrCat("--layout: '", name, "' is none of tree, flat, readable"));
}

void ParseValues(const RawGetOptions& raw, GetOptions& options) {
  options.wanted = ParseWanted(raw.wanted);
  options.output = raw.output;
  options.layout = ParseLayout(raw.layout);
  if (!raw.jobs.empty()) {
    const auto jobs = ParseUint(raw.jobs);
    if (!jobs || *jobs < 1 || *jobs > 64) {
      RefuseUsage(StrCat("--jobs: '", raw.jobs, "' is not a number from 1 to 64"));
    }
    options.jobs = options.max_jobs = static_cast<unsigned>(*jobs);
  }
  if (options.dicomtrolley_names && options.layout == GetOptions::Layout::kReadable) {
    RefuseUsage("--dicomtrolley-names is for the layouts tree and flat");
  }
}

// Downloads must not become part of the folder that is searched.
void RefuseOutputInsideFolder(const ArchiveConfig& archive, const std::filesystem::path& output) {
  if (IsInsideFolderOf(archive, output)) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot get into ", output.string(),
                                                    ": it lies inside the archive's folder; choose one outside"));
  }
}

// One run of the command.
class Get {
 public:
  Get(const GetOptions& options, std::stop_token stop) : options_(options), display_(options.quiet) {
    context_.stop = std::move(stop);
    const ArchiveConfig archive = ChooseArchive(options.archive, options.common);
    RefuseOutputInsideFolder(archive, options.output);
    const Clients clients = OpenClients(archive);
    CachingSearcherOptions cached;  // each query is sent once; nothing outlives this run
    cached.expiry = std::chrono::hours(1);
    cached.query_timeout = QueryTimeout(archive);
    cached.max_memory_rows = 200000;
    searcher_ = std::make_shared<CachingSearcher>(clients.searcher, nullptr, cached);
    trolley_ = std::make_unique<Trolley>(searcher_, clients.downloader, MakeStorage());
    jobs_ = std::min(options.jobs, Concurrency(archive, clients));
    max_jobs_ = std::min(options.max_jobs, MaxConcurrency(archive, clients));
  }

  // Whether all of it is there.
  bool Run() {
    const std::vector<Reference> references = Choose();
    DownloadOptions download;
    download.jobs = jobs_;
    download.max_jobs = max_jobs_;
    download.skip_complete = !options_.overwrite;
    download.context = context_;
    download.progress_interval = std::chrono::milliseconds(100);
    download.on_progress = [this](const DownloadProgress& progress) { display_.Show(progress); };
    const DownloadReport report = trolley_->Download(Selection(references), download);
    display_.Clear();
    for (const DownloadResult& problem : report.problems) {
      Fail(problem);
    }
    Summarize(report);
    return report.ok() && failures_ == 0;
  }

 private:
  std::shared_ptr<Storage> MakeStorage() const {
    DirectoryStorageOptions storage;
    storage.directory = options_.output;
    storage.sync = options_.sync;
    const UidNames names = options_.dicomtrolley_names ? UidNames::kDicomtrolley : UidNames::kPlain;
    switch (options_.layout) {
      case GetOptions::Layout::kTree:
        return std::make_shared<StorageDir>(std::move(storage), names);
      case GetOptions::Layout::kFlat:
        return std::make_shared<FlatStorageDir>(std::move(storage), names);
      case GetOptions::Layout::kReadable:
        return std::make_shared<ReadableStorageDir>(std::move(storage), searcher_);
    }
    return nullptr;
  }

  std::vector<Reference> Choose() {
    if (const auto* references = std::get_if<std::vector<Reference>>(&options_.wanted)) {
      return *references;
    }
    if (const auto* query = std::get_if<Query>(&options_.wanted)) {
      display_.Say("searching");
      std::vector<Reference> references = Find(*query);
      if (references.empty()) {
        Fail("nothing matches in the archive");
      }
      return references;
    }
    return ChooseCohort();
  }

  std::vector<Reference> Find(const Query& query) { return Selection(searcher_->Find(query, context_)).references(); }

  std::vector<Reference> ChooseCohort() {
    const std::vector<CohortLine> lines = ReadCohort(std::cin);
    std::vector<Reference> references;
    unsigned refused = 0;  // in a row
    for (const CohortLine& line : lines) {
      display_.Say(StrCat("looking up line ", line.number, " of ", lines.back().number));
      if (const auto* error = std::get_if<Error>(&line.wanted)) {
        Fail(StrCat("line ", line.number, ": ", error->what()));
      } else if (const auto* reference = std::get_if<Reference>(&line.wanted)) {
        line_of_.emplace(ToString(*reference), line.number);
        references.push_back(*reference);
      } else if (FindLine(line.number, std::get<Query>(line.wanted), references)) {
        refused = 0;
      } else if (++refused == DownloadOptions().give_up_after) {
        // A thousand more tries may lock an account.
        throw Error(ErrorCode::kUnavailable, StrCat("Cannot look up the lines after ", line.number,
                                                    ": the archive failed ", refused, " times in a row"));
      }
    }
    if (lines.empty()) {
      Fail("standard input names nothing");
    }
    return references;
  }

  // False when the search failed.
  bool FindLine(size_t number, const Query& query, std::vector<Reference>& references) {
    try {
      const std::vector<Reference> found = Find(query);
      if (found.empty()) {
        Fail(StrCat("line ", number, ": nothing matches in the archive"));
      }
      for (const Reference& reference : found) {
        line_of_.emplace(ToString(reference), number);
        references.push_back(reference);
      }
      return true;
    } catch (const Error& error) {
      context_.Check("look up a cohort");
      Fail(StrCat("line ", number, ": ", error.what()));
      return false;
    }
  }

  void Fail(const std::string& what) {
    display_.Clear();
    PrintFailure(what);
    ++failures_;
  }

  void Fail(const DownloadResult& problem) {
    const std::string name = ToString(problem.what);
    const auto line = line_of_.find(name);
    Fail(StrCat(line == line_of_.end() ? "" : StrCat("line ", line->second, ": "), name, ": ",
                problem.error ? problem.error->what() : "the archive has none"));
  }

  void Summarize(const DownloadReport& report) {
    const DownloadProgress& total = report.total;
    if (report.stopped_by) {
      PrintFailure(
          StrCat("not everything was tried: ", report.stopped_by->what(), "; the same command goes on from here"));
    }
    if (options_.quiet) {
      return;
    }
    const double seconds = std::chrono::duration<double>(display_.elapsed()).count();
    const auto rate = static_cast<uint64_t>(static_cast<double>(total.bytes) / std::max(seconds, 0.001));
    const std::string took =
        seconds < 10 ? StrCat(static_cast<int>(seconds * 10) / 10, ".", static_cast<int>(seconds * 10) % 10, " s")
                     : ReadableTime(std::chrono::seconds(static_cast<int64_t>(seconds)));
    std::string text = StrCat(total.done, total.done == 1 ? " instance, " : " instances, ", ReadableBytes(total.bytes),
                              " in ", took, ", ", ReadableBytes(rate), "/s");
    text += total.complete > 0 ? StrCat("; ", total.complete, " were there already") : "";
    text += failures_ > 0 ? StrCat("; ", failures_, " failed, see above") : "";
    std::printf("%s\n", text.c_str());
  }

  const GetOptions& options_;
  Context context_;
  ProgressDisplay display_;
  std::shared_ptr<Searcher> searcher_;
  std::unique_ptr<Trolley> trolley_;
  unsigned jobs_ = 1;
  unsigned max_jobs_ = 1;
  std::map<std::string, size_t> line_of_;  // of a reference
  size_t failures_ = 0;
};

}  // namespace

void DescribeGet(CLI::App& app, GetOptions& options) {
  const auto raw = std::make_shared<RawGetOptions>();
  app.footer(StrCat(kArchiveHelp, "\n", kGetFooter));
  app.add_option("ARCHIVE", options.archive, "The archive to get from")->type_name(" ")->required();
  app.add_option("WHAT", raw->wanted, "Criteria (Keyword=value), UIDs, or - to read them")->type_name(" ")->required();
  app.add_option("-O,--output", raw->output, "Where files are written; made when it does not exist")
      ->type_name("DIR")
      ->required();
  app.add_option("--layout", raw->layout, "tree (default), flat or readable")->type_name("LAYOUT");
  app.add_option("--jobs", raw->jobs,
                 "Concurrency limit, within the archive's limits (default 4, more on a high-latency link)")
      ->type_name("N");
  app.add_flag("--dicomtrolley-names", options.dicomtrolley_names, "File names as dicomtrolley has them: 1_2_3");
  app.add_flag("--overwrite", options.overwrite, "Fetch also what exists already");
  app.add_flag("--sync", options.sync, "Have each file on the disk before it gets its name (slower)");
  app.add_flag("-q,--quiet", options.quiet, "Print only what failed");
  DescribeCommonOptions(app, options.common);
  DescribeCacheDirectory(app, options.common);
  app.callback([raw, &options] { ParseValues(*raw, options); });
}

int RunGet(const GetOptions& options) {
  Interruption interruption;
  bool complete = false;
  try {
    ConfigureCommandLog(options.common);
    std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is an error like others
    complete = Get(options, interruption.token()).Run();
  } catch (const std::exception& e) {
    PrintFailure(e.what());
  }
  std::fflush(stdout);
  interruption.EndBySignal();
  return complete ? kExitOk : kExitFailure;
}

}  // namespace trolley

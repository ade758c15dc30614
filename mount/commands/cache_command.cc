// `trolleyfs cache`: opens the cache as a mount does, beside the mounts that use it; all of its changes are safe for
// them.
#include "mount/commands/cache_command.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "base/format_bytes.h"
#include "base/text.h"
#include "cache/blob_store.h"
#include "cache/instance_cache.h"
#include "cache/lmdb_environment.h"
#include "config/default_directories.h"
#include "mount/commands/exit_codes.h"
#include "mount/commands/interruption.h"
#include "mount/commands/readiness.h"
#include "mount/commands/terminal_text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

constexpr char kCacheFooter[] = R"(ACTION is one of
  status  what the cache takes, how much it may take, who uses it
  verify  reads every file and compares it with its checksum; damaged ones are moved to quarantine (and fetched again
          when they are needed), and a damaged index is repaired
  prune   removes what was not used for longest, down to the quota or to --max-size, or what was not used for --unused-for
  clear   removes all instances, known sizes and search results; with ARCHIVE, those of that archive

With ARCHIVE its cache directory and quota are meant, else the default directory. All archives of a directory share its
quota. Everything here is safe while the cache is in use: mounts see the change at once, files that are open stay
readable, and search results that a mount holds in memory stay there until they expire (SIGHUP lets them expire).

Exit codes: 0 done, 1 failed or, for verify, something was damaged, 2 wrong usage.)";

// Tables of BlobStores: search results, indexes of folders. The names are part of the on-disk format.
constexpr const char* kBlobTables[] = {"answers", "folder"};

struct Place {
  fs::path directory;
  uint64_t max_size = 0;
  std::string archive;   // its name; empty: all
  std::string identity;  // of the archive
};

CacheOptions::Action ParseAction(const std::string& name) {
  const std::pair<const char*, CacheOptions::Action> actions[] = {{"status", CacheOptions::Action::kStatus},
                                                                  {"verify", CacheOptions::Action::kVerify},
                                                                  {"prune", CacheOptions::Action::kPrune},
                                                                  {"clear", CacheOptions::Action::kClear}};
  for (const auto& [known, action] : actions) {
    if (name == known) {
      return action;
    }
  }
  RefuseUsage(StrCat("'", name, "' is none of status, verify, prune, clear"));
}

fs::path DirectoryOf(const ArchiveConfig& config) {
  return fs::absolute(config.cache_directory.empty() ? DefaultCacheDirectory() : config.cache_directory);
}

Place Locate(const CacheOptions& options) {
  if (!options.archive.empty()) {
    const ArchiveConfig config = ChooseArchive(options.archive, options.common);
    return {config.cache_directory, config.cache_max_size, config.name, config.Identity()};
  }
  Place place{fs::absolute(options.common.cache_directory.value_or(DefaultCacheDirectory())), 0, "", ""};
  // The largest quota of the archives that share it.
  for (const auto& [name, config] : LoadConfig(options.common.config).archives) {
    if (DirectoryOf(config) == place.directory) {
      place.max_size = std::max(place.max_size, config.cache_max_size);
    }
  }
  if (place.max_size == 0) {
    place.max_size = ArchiveConfig().cache_max_size;
  }
  return place;
}

// A cache that does not exist yet counts as empty. But nothing is made in a directory that was given by mistake.
bool HasCache(const Place& place) {
  std::error_code error;
  if (fs::is_directory(place.directory / "index", error)) {
    return true;
  }
  const bool nothing = !fs::exists(place.directory, error) || fs::is_empty(place.directory, error);
  if (!nothing || error) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot use ", place.directory.string(), ": it is not a cache of trolleyfs",
                       error ? StrCat(" (", error.message(), ")") : ""));
  }
  return false;
}

std::string Percent(uint64_t part, uint64_t whole) {
  return whole == 0
             ? ""
             : StrCat(" (", static_cast<uint64_t>(100.0 * static_cast<double>(part) / static_cast<double>(whole)),
                      " %)");
}

std::string Counted(uint64_t count, const char* noun) {
  return StrCat(count, " ", noun, count == 1 ? "" : "s");
}

class CacheMaintenance {
 public:
  CacheMaintenance(const CacheOptions& options, Place place, std::stop_token stop)
      : options_(options), place_(std::move(place)), context_{std::move(stop)} {
    InstanceCacheOptions cache;
    cache.directory = place_.directory;
    cache.max_size = place_.max_size;
    lmdb_ = LmdbEnvironment::Open(place_.directory);
    cache_ = std::make_unique<InstanceCache>(std::move(cache), lmdb_);
  }

  int Run() {
    switch (options_.action) {
      case CacheOptions::Action::kStatus:
        return Status();
      case CacheOptions::Action::kVerify:
        return Verify();
      case CacheOptions::Action::kPrune:
        return Prune();
      case CacheOptions::Action::kClear:
        return Clear();
    }
    return kExitFailure;
  }

 private:
  static void Line(const char* what, const std::string& value) {
    std::printf("%-12s %s\n", what, Printable(value).c_str());
  }

  int Status() {
    const InstanceCacheStatus status = cache_->Status();
    Line("directory", place_.directory.string());
    Line("instances", std::to_string(status.instances));
    Line("size", StrCat(FormatBytes(status.bytes), " of ", FormatBytes(status.max_size),
                        Percent(status.bytes, status.max_size)));
    if (!place_.archive.empty()) {
      const InstanceCacheShare share = cache_->ShareOf(place_.identity);
      Line("of these",
           StrCat(Counted(share.instances, "instance"), " of ", place_.archive, ", ", FormatBytes(share.bytes)));
    }
    Line("searches", StrCat(CountEntries("answers"), " kept"));
    Line("quarantine", Counted(CountFiles("quarantine"), "damaged file"));
    struct statvfs disk {};
    if (::statvfs(place_.directory.c_str(), &disk) == 0) {
      Line("disk", StrCat(FormatBytes(uint64_t{disk.f_bavail} * disk.f_frsize), " free"));
    }
    const std::vector<std::string> users = OtherUsers();
    Line("used by", users.empty() ? "nobody" : StrCat("process ", Join(users, ", ")));
    return kExitOk;
  }

  int Verify() {
    const uint64_t instances = cache_->Status().instances;
    const std::vector<std::string> problems = cache_->Repair(context_);
    for (const std::string& problem : problems) {
      std::printf("%s\n", Printable(problem).c_str());
    }
    if (problems.empty()) {
      std::printf("All %s as they should be.\n", Counted(instances, "instance").c_str());
      return kExitOk;
    }
    std::fflush(stdout);
    PrintFailure(StrCat("The cache was damaged in ", Counted(problems.size(), "place"),
                        ": put right, and what is missing will be fetched again; check the disk"));
    return kExitFailure;
  }

  int Prune() {
    InstanceCacheShare dropped;
    if (options_.unused_for) {
      dropped = cache_->TrimUnusedSince(std::chrono::system_clock::now() - *options_.unused_for, context_);
    }
    if (options_.max_size || !options_.unused_for) {
      const InstanceCacheShare more = cache_->TrimToSize(options_.max_size.value_or(place_.max_size));
      dropped.instances += more.instances;
      dropped.bytes += more.bytes;
    }
    PrintDropped(dropped);
    return kExitOk;
  }

  int Clear() {
    InstanceCacheShare dropped;
    if (place_.archive.empty()) {
      const InstanceCacheStatus before = cache_->Status();
      cache_->Clear();
      dropped = {before.instances, before.bytes};
    } else {
      dropped = cache_->RemoveArchive(place_.identity, context_);
    }
    for (const char* table : kBlobTables) {
      if (place_.archive.empty()) {
        BlobStore::ClearTable(*lmdb_, table);
      } else {
        BlobStore(lmdb_, table, place_.identity, 0).Clear();
      }
    }
    cache_->WaitForBackground();
    PrintDropped(dropped);
    return kExitOk;
  }

  void PrintDropped(const InstanceCacheShare& dropped) const {
    const InstanceCacheStatus now = cache_->Status();
    std::printf("Dropped %s (%s); %s (%s) left.\n", Counted(dropped.instances, "instance").c_str(),
                FormatBytes(dropped.bytes).c_str(), Counted(now.instances, "instance").c_str(),
                FormatBytes(now.bytes).c_str());
  }

  uint64_t CountEntries(const char* table) {
    const LmdbTable handle = lmdb_->Table(table);
    uint64_t count = 0;
    lmdb_->Read([&](const LmdbTransaction& transaction) { count = transaction.Count(handle); });
    return count;
  }

  uint64_t CountFiles(const char* folder) const {
    std::error_code error;
    uint64_t count = 0;
    for (fs::directory_iterator it(place_.directory / folder, error), end; !error && it != end; it.increment(error)) {
      ++count;
    }
    return count;
  }

  // Each has a folder in staging/ that begins with its process number; those of dead ones were removed when the cache
  // was opened.
  std::vector<std::string> OtherUsers() const {
    std::error_code error;
    std::vector<std::string> users;
    const std::string own = std::to_string(::getpid());
    for (fs::directory_iterator it(place_.directory / "staging", error), end; !error && it != end;
         it.increment(error)) {
      const std::string name = it->path().filename().string();
      const std::string process = name.substr(0, name.find('-'));
      if (process != own && ParseUint(process)) {
        users.push_back(process);
      }
    }
    std::sort(users.begin(), users.end());
    return users;
  }

  const CacheOptions& options_;
  const Place place_;
  const Context context_;
  std::shared_ptr<LmdbEnvironment> lmdb_;
  std::unique_ptr<InstanceCache> cache_;
};

}  // namespace

void DescribeCache(CLI::App& app, CacheOptions& options) {
  options.common.log_level = LogLevel::kError;  // problems are printed
  app.footer(kCacheFooter);
  app.add_option_function<std::string>(
         "ACTION", [&options](const std::string& name) { options.action = ParseAction(name); },
         "What to do: status, verify, prune or clear")
      ->type_name(" ")
      ->required();
  app.add_option("ARCHIVE", options.archive, "A name from the configuration, a URL or a folder")->type_name(" ");
  app.add_option_function<std::string>(
         "--max-size",
         [&options](const std::string& text) {
           options.max_size = ParseSize(text);
           if (!options.max_size) {
             RefuseUsage(StrCat("--max-size: '", text, "' is not a size such as 50GiB"));
           }
         },
         "For prune: down to this size, instead of the quota")
      ->type_name("SIZE");
  app.add_option_function<std::string>(
         "--unused-for",
         [&options](const std::string& text) {
           options.unused_for = ParseDuration(text);
           if (!options.unused_for) {
             RefuseUsage(StrCat("--unused-for: '", text, "' is not a duration such as '30 days'"));
           }
         },
         "For prune: what was not used for this time")
      ->type_name("DURATION");
  DescribeCommonOptions(app, options.common);
  DescribeCacheDirectory(app, options.common);
  app.callback([&options] {
    if ((options.max_size || options.unused_for) && options.action != CacheOptions::Action::kPrune) {
      RefuseUsage("--max-size and --unused-for are for cache prune");
    }
  });
}

int RunCache(const CacheOptions& options) {
  Interruption interruption;
  try {
    ConfigureCommandLog(options.common);
    Place place = Locate(options);
    if (!HasCache(place)) {
      std::printf("Nothing is cached in %s.\n", Printable(place.directory.string()).c_str());
      return kExitOk;
    }
    return CacheMaintenance(options, std::move(place), interruption.token()).Run();
  } catch (const std::exception& e) {
    interruption.EndBySignal();
    PrintFailure(e.what());
    return kExitFailure;
  }
}

}  // namespace trolley

#include "archive/status.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/format_bytes.h"
#include "base/text.h"
#include "config/registry.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

int64_t Seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

void AddMetric(std::string& text, const char* name, const char* type, const char* help, uint64_t value,
               const std::string& label) {
  text += StrCat("# HELP trolleyfs_", name, " ", help, "\n# TYPE trolleyfs_", name, " ", type, "\n");
  text += StrCat("trolleyfs_", name, "{archive=", label, "} ", value, "\n");
}

int64_t Count(const nlohmann::ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

// "45 s", "3 min", "2 h 5 min", "3 days 4 h".
std::string FormatSpan(int64_t seconds) {
  const int64_t minutes = seconds / 60;
  const int64_t hours = minutes / 60;
  if (minutes < 1) {
    return StrCat(seconds, " s");
  }
  if (hours < 1) {
    return StrCat(minutes, " min");
  }
  return hours < 48 ? StrCat(hours, " h ", minutes % 60, " min") : StrCat(hours / 24, " days ", hours % 24, " h");
}

std::string Plain(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// "12 instances", "5.1 MiB", "of at most 10.0 GiB".
std::string FormatPart(const std::string& name, const nlohmann::ordered_json& value) {
  const bool size = value.is_number_unsigned() && (name == "bytes" || name.ends_with("_bytes"));
  if (!size) {
    std::string words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    return StrCat(Plain(value), " ", words);
  }
  const std::string amount = FormatBytes(value.get<uint64_t>());
  if (name == "bytes") {
    return amount;
  }
  return name == "max_bytes" ? "at most " + amount : StrCat(amount, " ", name.substr(0, name.size() - 6));
}

}  // namespace

std::string StatusJson(const ArchiveConfig& config, const ArchiveStatus& status) {
  nlohmann::ordered_json json;
  json["archive"] = config.name;
  json["searcher"] = config.searcher->type();
  json["downloader"] = config.downloader->type();
  json["state"] = status.down ? "down" : "up";
  json["started_at"] = Seconds(status.started_at);
  json["now"] = Seconds(std::chrono::system_clock::now());
  json["search_expiry_seconds"] = config.search_expiry.count() / 1000;
  json["transfers"] = {{"begun", status.transfers.transfers},         {"failed", status.transfers.failures},
                       {"running", status.transfers.running},         {"waiting", status.transfers.waiting},
                       {"concurrency", status.transfers.concurrency}, {"bytes", status.transfers.bytes},
                       {"cache_hits", status.transfers.cache_hits}};
  if (status.cache) {
    json["cache"] = {{"instances", status.cache->instances},
                     {"bytes", status.cache->bytes},
                     {"max_bytes", status.cache->max_size},
                     {"evicted", status.cache->evicted},
                     {"quarantined", status.cache->quarantined}};
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::vector<std::pair<std::string, std::string>> StatusLines(std::string_view json) {
  const auto status = nlohmann::ordered_json::parse(json, nullptr, false);
  if (!status.is_object()) {
    throw Error(ErrorCode::kProtocol, "Cannot read the status: it is no JSON object");
  }
  std::vector<std::pair<std::string, std::string>> lines;
  for (const auto& [key, value] : status.items()) {
    if (key == "now") {
      continue;
    }
    if (key == "started_at") {
      lines.emplace_back("mounted", "for " + FormatSpan(Count(status, "now") - Count(status, "started_at")));
    } else if (key == "search_expiry_seconds") {
      lines.emplace_back("searches", "renewed after " + FormatSpan(Count(status, "search_expiry_seconds")));
    } else if (value.is_object()) {
      std::vector<std::string> parts;
      for (const auto& [part, number] : value.items()) {
        parts.push_back(FormatPart(part, number));
      }
      lines.emplace_back(key, Join(parts, ", "));
    } else {
      lines.emplace_back(key, Plain(value));
    }
  }
  return lines;
}

std::string MetricsText(const ArchiveConfig& config, const ArchiveStatus& status) {
  const std::string label = nlohmann::json(config.name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string text;
  AddMetric(text, "archive_up", "gauge", "1 unless the archive did not respond to the latest query",
            status.down ? 0 : 1, label);
  AddMetric(text, "transfers_total", "counter", "Transfers begun", status.transfers.transfers, label);
  AddMetric(text, "transfer_failures_total", "counter", "Transfers failed", status.transfers.failures, label);
  AddMetric(text, "transfer_bytes_total", "counter", "Bytes received", status.transfers.bytes, label);
  AddMetric(text, "transfers_running", "gauge", "Transfers now", status.transfers.running, label);
  AddMetric(text, "transfers_waiting", "gauge", "Transfers queued", status.transfers.waiting, label);
  AddMetric(text, "transfers_at_a_time", "gauge", "At most so many transfers, as far as that was seen to pay",
            status.transfers.concurrency, label);
  AddMetric(text, "cache_hits_total", "counter", "Opens served from the cache", status.transfers.cache_hits, label);
  if (status.cache) {
    AddMetric(text, "cache_instances", "gauge", "Instances in the cache", status.cache->instances, label);
    AddMetric(text, "cache_bytes", "gauge", "Bytes in the cache", status.cache->bytes, label);
    AddMetric(text, "cache_evicted_total", "counter", "Instances evicted", status.cache->evicted, label);
    AddMetric(text, "cache_quarantined_total", "counter", "Damaged files put aside", status.cache->quarantined, label);
  }
  return text;
}

std::string ReadmeText(const ArchiveConfig& config) {
  return StrCat("This directory is the archive \"", config.name, R"(", mounted read-only by trolleyfs.

patients/   by PatientID, then study, series, instance
studies/    by study
recent/     what the configured browse query finds: )",
                config.browse, R"(
search/     cd or ls a query: search/PatientName=B*,ModalitiesInStudy=CT/StudyDate=20200301-20200303
            Keyword=value with DICOM keywords and DICOM matching; nested directories mean AND;
            write "," "/" "=" "%" in a value as %2C %2F %3D %25
At every level the bare UID works too, listed or not: studies/1.2.3/4.5.6/7.8.9.dcm

Listing fetches no images. A file is fetched when it is opened and then kept on local disk. Until then its size is an
estimate (getfattr -n user.trolleyfs.size FILE says "exact" or "estimate"); programs that open it see the exact size.

.trolleyfs/status.json   state of the archive, transfers, cache
.trolleyfs/metrics       the same for Prometheus
.trolleyfs/errors        the latest problems, and what to do about them
)");
}

std::string ErrorsText() {
  std::string text;
  for (const std::string& problem : RecentProblems()) {
    text += problem + "\n";
  }
  return text;
}

}  // namespace trolley

#include "tree/readable_storage.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "search/level_queries.h"
#include "tree/names.h"
#include "tree/rows.h"

namespace trolley {
namespace {

constexpr size_t kKept = 1000;  // series
constexpr auto kStyle = NameStyle::kReadable;

}  // namespace

ReadableStorageDir::ReadableStorageDir(DirectoryStorageOptions options, std::shared_ptr<Searcher> searcher)
    : DirectoryStorage(std::move(options)), searcher_(std::move(searcher)) {}

void ReadableStorageDir::Prepare(std::span<const InstanceReference> instances, const Context& context) {
  if (instances.empty()) {
    return;
  }
  const SeriesReference series = instances.front().series_reference();
  {
    const MutexLock lock(mutex_);
    if (series_.contains(series)) {
      return;
    }
  }
  SeriesNames names;
  names.directory = std::filesystem::path(StudyName(series.study, context)) / SeriesName(series, context);
  names.instances = std::make_shared<const Table>(
      std::make_unique<InstanceRows>(searcher_->Find(SeriesQuery(series), context), series, kStyle));
  const MutexLock lock(mutex_);
  if (series_.try_emplace(series, std::move(names)).second) {
    prepared_.push_back(series);
  }
  if (prepared_.size() > kKept) {
    series_.erase(prepared_.front());
    prepared_.pop_front();
  }
}

std::string ReadableStorageDir::StudyName(const Uid& uid, const Context& context) {
  Query query = Query::ForStudy({uid}, Level::kStudy);
  IncludeStudyAttributes(query);
  const SearchResult result = searcher_->Find(query, context);
  for (const Study& study : *result) {
    if (study.uid == uid) {
      // Two studies with equal short names are very rare; the later one gets the long name.
      const MutexLock lock(mutex_);
      const std::string name = StudyDirectoryName(study, kStyle);
      return study_of_name_.try_emplace(name, uid).first->second == uid
                 ? name
                 : StudyDirectoryName(study, kStyle, Suffix::kFull);
    }
  }
  return uid.str();
}

std::string ReadableStorageDir::SeriesName(const SeriesReference& series, const Context& context) {
  const Table table(std::make_unique<SeriesRows>(searcher_->Find(StudyQuery({series.study}), context), series.study,
                                                 kStyle, nullptr));
  const auto index = table.IndexOfUid(series.series);
  return index ? std::string(table.name(*index)) : series.series.str();
}

std::filesystem::path ReadableStorageDir::PathOf(const InstanceReference& instance) {
  const MutexLock lock(mutex_);
  const auto series = series_.find(instance.series_reference());
  if (series == series_.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot name instance ", instance.instance.str(), ": its series was not prepared"));
  }
  const Table& table = *series->second.instances;
  const auto index = table.IndexOfUid(instance.instance);
  return series->second.directory / (index ? std::string(table.name(*index)) : instance.instance.str() + ".dcm");
}

}  // namespace trolley

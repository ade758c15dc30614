// How rows of search results become directories and files. Called by Table, on any thread.
#include "tree/rows.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "search/level_queries.h"
#include "tree/directories.h"
#include "tree/file_attributes.h"

namespace trolley {
namespace {

constexpr std::array<Suffix, 3> kSuffixes = {Suffix::kShort, Suffix::kLong, Suffix::kFull};

const Study* FindStudyRow(const Studies& studies, const Uid& uid) {
  const auto found = std::find_if(studies.begin(), studies.end(), [&](const Study& s) { return s.uid == uid; });
  return found == studies.end() ? nullptr : &*found;
}

const Series* FindSeriesRow(const Studies& studies, const SeriesReference& reference) {
  const Study* study = FindStudyRow(studies, reference.study);
  if (study == nullptr) {
    return nullptr;
  }
  const auto found = std::find_if(study->series.rbegin(), study->series.rend(),
                                  [&](const Series& series) { return series.uid == reference.series; });
  return found == study->series.rend() ? nullptr : &*found;
}

int64_t TimeOfStudy(const Study& study) {
  return DicomTime(study.attributes.First(tag::kStudyDate), study.attributes.First(tag::kStudyTime),
                   study.attributes.First(tag::kTimezoneOffsetFromUTC));
}

// The series' own time; the study's where there is none; else 0.
int64_t TimeOfSeries(const Study& study, const Series& series) {
  const int64_t time = DicomTime(series.attributes.First(tag::kSeriesDate), series.attributes.First(tag::kSeriesTime),
                                 study.attributes.First(tag::kTimezoneOffsetFromUTC));
  return time == 0 ? TimeOfStudy(study) : time;
}

}  // namespace

std::vector<uint32_t> RowIndices(size_t count) {
  std::vector<uint32_t> indices(count);
  std::iota(indices.begin(), indices.end(), uint32_t{0});
  return indices;
}

NamedRows NameRows(const std::vector<uint32_t>& rows,
                   const std::function<std::string(uint32_t row, Suffix suffix)>& name_of) {
  std::vector<std::pair<std::string, uint32_t>> named;
  named.reserve(rows.size());
  for (const uint32_t row : rows) {
    named.emplace_back(name_of(row, kSuffixes[0]), row);
  }
  std::sort(named.begin(), named.end());
  for (size_t attempt = 1; attempt < kSuffixes.size(); ++attempt) {
    bool equal = false;
    for (size_t begin = 0, end = 0; begin < named.size(); begin = end) {
      const std::string name = named[begin].first;
      for (end = begin; end < named.size() && named[end].first == name; ++end) {
      }
      for (size_t i = begin; end - begin > 1 && i < end; ++i) {
        named[i].first = name_of(named[i].second, kSuffixes[attempt]);
        equal = true;
      }
    }
    if (!equal) {
      break;
    }
    std::sort(named.begin(), named.end());
  }
  NamedRows result;
  result.rows.reserve(named.size());
  result.names.reserve(named.size());
  for (auto& [name, row] : named) {
    result.rows.push_back(row);
    result.names.push_back(std::move(name));
  }
  return result;
}

StudyRows::StudyRows(SearchResult result, NameStyle style, const View* view, Filter belongs)
    : Rows(std::move(result)), style_(style), view_(view), belongs_(std::move(belongs)) {}

NamedRows StudyRows::Name() const {
  std::vector<uint32_t> rows = RowIndices(result()->size());
  if (belongs_) {
    std::erase_if(rows, [&](uint32_t row) { return !belongs_((*result())[row]); });
  }
  return NameRows(rows,
                  [&](uint32_t row, Suffix suffix) { return StudyDirectoryName((*result())[row], style_, suffix); });
}

const Uid* StudyRows::uid(uint32_t row) const {
  return &(*result())[row].uid;
}

Node StudyRows::MakeNode(const DirectoryPtr& directory, uint32_t row, std::string_view name) const {
  const Study& study = (*result())[row];
  Directory made = ChildOf(directory, name, *view_);
  made.study = StudyReference{study.uid};
  made.query = StudyQuery(*made.study);
  made.mtime = TimeOfStudy(study);
  return {std::make_shared<const Directory>(std::move(made)), std::nullopt};
}

SeriesRows::SeriesRows(SearchResult result, const Uid& study, NameStyle style, const View* view)
    : Rows(std::move(result)), study_(FindStudyRow(*Rows::result(), study)), style_(style), view_(view) {}

NamedRows SeriesRows::Name() const {
  return NameRows(RowIndices(study_ == nullptr ? 0 : study_->series.size()), [&](uint32_t row, Suffix suffix) {
    return SeriesDirectoryName(study_->series[row], style_, suffix);
  });
}

const Uid* SeriesRows::uid(uint32_t row) const {
  return &study_->series[row].uid;
}

Node SeriesRows::MakeNode(const DirectoryPtr& directory, uint32_t row, std::string_view name) const {
  const Series& series = study_->series[row];
  Directory made = ChildOf(directory, name, *view_);
  made.study = StudyReference{study_->uid};
  made.series = SeriesReference{study_->uid, series.uid};
  made.query = SeriesQuery(*made.series);
  if (const int64_t time = TimeOfSeries(*study_, series); time != 0) {
    made.mtime = time;
  }
  return {std::make_shared<const Directory>(std::move(made)), std::nullopt};
}

InstanceRows::InstanceRows(SearchResult result, SeriesReference series, NameStyle style)
    : Rows(std::move(result)),
      reference_(std::move(series)),
      series_(FindSeriesRow(*Rows::result(), reference_)),
      style_(style) {}

NamedRows InstanceRows::Name() const {
  if (series_ == nullptr) {
    return {};
  }
  return {RowIndices(series_->instances.size()), InstanceFileNames(*series_, style_)};
}

const Uid* InstanceRows::uid(uint32_t row) const {
  return &series_->instances[row].uid;
}

Node InstanceRows::MakeNode(const DirectoryPtr& directory, uint32_t row, std::string_view) const {
  const Instance& instance = series_->instances[row];
  File file;
  file.directory = directory;
  file.instance = instance.uid;
  file.estimated_size = EstimateSize(instance.attributes);
  file.exact_size = instance.size;
  file.mtime = directory->mtime;
  if (const auto number = instance.attributes.Number(tag::kInstanceNumber); number && *number >= 0) {
    file.number = static_cast<uint32_t>(std::min<int64_t>(*number, UINT32_MAX));
  }
  return {nullptr, std::move(file)};
}

}  // namespace trolley

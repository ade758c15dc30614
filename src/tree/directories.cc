#include "tree/directories.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "search/level_queries.h"
#include "tree/criteria.h"

namespace trolley {

Query BrowseQuery(const std::string& browse, std::chrono::system_clock::time_point now) {
  Query query(Level::kStudy);
  if (browse != "all") {
    AddCriteria(browse, query, now);
  }
  IncludeStudyAttributes(query);
  return query;
}

std::optional<Query> PatientQuery(const std::string& patient_id) {
  // A PatientID has one value; of one with "\" in it, matching sees several.
  std::string pattern(patient_id.substr(0, patient_id.find('\\')));
  for (char& c : pattern) {
    // No key can say these; "?" stands for any character.
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      c = '?';
    }
  }
  // A pattern of wildcards only would ask for everything.
  if (pattern.find_first_not_of("*?") == std::string::npos) {
    return std::nullopt;
  }
  try {
    Query query(Level::kStudy);
    query.Where(tag::kPatientID, pattern);
    IncludeStudyAttributes(query);
    return query;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string_view PatientIdOf(const Study& study) {
  return Trim(study.attributes.Get(tag::kPatientID));
}

bool BelongsToPatient(const Study& study, const std::string& patient_id, const std::optional<Query>& question) {
  const std::string_view id = PatientIdOf(study);
  // A server may leave out what it was asked by, when that says exactly one value.
  const bool not_returned = !study.attributes.Has(tag::kPatientID);
  if (not_returned && question) {
    return question->Get(tag::kPatientID).find_first_of("*?") == std::string_view::npos;
  }
  return id == patient_id;
}

std::string ChildPath(const Directory& parent, std::string_view name) {
  return parent.path.empty() ? std::string(name) : StrCat(parent.path, "/", name);
}

DirectoryPtr MakeDirectory(DirectoryKind kind, const DirectoryPtr& parent, std::string_view name,
                           std::optional<Query> query) {
  auto directory = std::make_shared<Directory>();
  directory->kind = kind;
  directory->path = ChildPath(*parent, name);
  directory->parent = parent;
  directory->query = std::move(query);
  directory->mtime = parent->mtime;
  return directory;
}

DirectoryPtr MakePatient(const DirectoryPtr& parent, std::string_view name, std::string patient_id) {
  auto directory = std::make_shared<Directory>();
  directory->kind = DirectoryKind::kPatient;
  directory->path = ChildPath(*parent, name);
  directory->parent = parent;
  directory->query = PatientQuery(patient_id);
  directory->patient_id = std::move(patient_id);
  directory->mtime = parent->mtime;
  return directory;
}

DirectoryPtr MakeStudy(const DirectoryPtr& parent, std::string_view name, const Study& study) {
  auto directory = std::make_shared<Directory>();
  directory->kind = DirectoryKind::kStudy;
  directory->path = ChildPath(*parent, name);
  directory->parent = parent;
  directory->study = StudyReference{study.uid};
  directory->query = StudyQuery(*directory->study);
  directory->mtime = DicomTime(study.attributes.First(tag::kStudyDate), study.attributes.First(tag::kStudyTime),
                               study.attributes.First(tag::kTimezoneOffsetFromUTC));
  return directory;
}

DirectoryPtr MakeSeries(const DirectoryPtr& parent, std::string_view name, const Study& study, const Series& series) {
  auto directory = std::make_shared<Directory>();
  directory->kind = DirectoryKind::kSeries;
  directory->path = ChildPath(*parent, name);
  directory->parent = parent;
  directory->study = StudyReference{study.uid};
  directory->series = SeriesReference{study.uid, series.uid};
  directory->query = SeriesQuery(*directory->series);
  const std::string_view offset = study.attributes.First(tag::kTimezoneOffsetFromUTC);
  directory->mtime =
      DicomTime(series.attributes.First(tag::kSeriesDate), series.attributes.First(tag::kSeriesTime), offset);
  if (directory->mtime == 0) {
    directory->mtime =
        DicomTime(study.attributes.First(tag::kStudyDate), study.attributes.First(tag::kStudyTime), offset);
  }
  if (directory->mtime == 0) {
    directory->mtime = parent->mtime;
  }
  return directory;
}

File MakeFile(const DirectoryPtr& series, const Instance& instance) {
  File file;
  file.directory = series;
  file.instance = instance.uid;
  file.estimated_size = EstimateSize(instance.attributes);
  file.exact_size = instance.size;
  file.mtime = series->mtime;
  if (const auto number = instance.attributes.Number(tag::kInstanceNumber); number && *number >= 0) {
    file.number = static_cast<uint32_t>(std::min<int64_t>(*number, UINT32_MAX));
  }
  return file;
}

}  // namespace trolley

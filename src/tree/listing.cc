#include "tree/listing.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <utility>

#include "base/text.h"
#include "tree/directories.h"
#include "tree/names.h"

namespace trolley {
namespace {

constexpr std::array<Suffix, 3> kSuffixes = {Suffix::kShort, Suffix::kLong, Suffix::kFull};

class TableListing : public Listing {
 public:
  TableListing(DirectoryPtr directory, TablePtr table, std::chrono::system_clock::time_point fetched_at, bool stale)
      : directory_(std::move(directory)), table_(std::move(table)), asked_at_(fetched_at), stale_(stale) {}

  size_t size() const override { return table_->size(); }
  std::string_view name(size_t index) const override { return table_->name(index); }
  bool is_directory(size_t) const override { return directory_->kind != DirectoryKind::kSeries; }
  Node node(size_t index) const override { return table_->MakeNode(directory_, index, table_->name(index)); }
  std::optional<size_t> IndexOf(std::string_view name) const override { return table_->IndexOf(name); }
  const Uid* instance(size_t index) const override { return table_->instance(index); }
  const SeriesReference* series() const override { return directory_->series ? &*directory_->series : nullptr; }
  std::chrono::system_clock::time_point fetched_at() const override { return asked_at_; }
  bool stale() const override { return stale_; }

 private:
  const DirectoryPtr directory_;
  const TablePtr table_;
  const std::chrono::system_clock::time_point asked_at_;
  const bool stale_;
};

class MemoryListing : public Listing {
 public:
  MemoryListing(std::vector<std::string> names, bool directories, std::function<Node(std::string_view)> make_node,
                std::chrono::system_clock::time_point now)
      : names_(std::move(names)), directories_(directories), make_node_(std::move(make_node)), now_(now) {
    std::sort(names_.begin(), names_.end());
  }

  size_t size() const override { return names_.size(); }
  std::string_view name(size_t index) const override { return names_[index]; }
  bool is_directory(size_t) const override { return directories_; }
  Node node(size_t index) const override { return make_node_(names_[index]); }
  std::optional<size_t> IndexOf(std::string_view name) const override {
    const auto found = std::lower_bound(names_.begin(), names_.end(), name);
    if (found == names_.end() || *found != name) {
      return std::nullopt;
    }
    return static_cast<size_t>(found - names_.begin());
  }
  std::chrono::system_clock::time_point fetched_at() const override { return now_; }
  bool stale() const override { return false; }

 private:
  std::vector<std::string> names_;
  const bool directories_;
  const std::function<Node(std::string_view)> make_node_;
  const std::chrono::system_clock::time_point now_;
};

std::vector<uint32_t> Indices(size_t count) {
  std::vector<uint32_t> indices(count);
  std::iota(indices.begin(), indices.end(), uint32_t{0});
  return indices;
}

const Study* FindStudy(const Studies& studies, const Uid& uid) {
  const auto found = std::find_if(studies.begin(), studies.end(), [&](const Study& s) { return s.uid == uid; });
  return found == studies.end() ? nullptr : &*found;
}

}  // namespace

NameTable::NameTable(size_t count, const std::function<std::string_view(size_t index)>& name) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    bytes += name(i).size();
  }
  text_.reserve(bytes);
  ends_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    text_.append(name(i));
    ends_.push_back(static_cast<uint32_t>(text_.size()));
  }
}

std::string_view NameTable::operator[](size_t index) const {
  const uint32_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(text_).substr(begin, ends_[index] - begin);
}

std::optional<size_t> NameTable::IndexOf(std::string_view name) const {
  size_t low = 0;
  size_t high = ends_.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if ((*this)[middle] < name) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < ends_.size() && (*this)[low] == name ? std::optional(low) : std::nullopt;
}

Table::Table(const Directory& directory, SearchResult answer, NameStyle style)
    : kind_(directory.kind), answer_(std::move(answer)) {
  switch (kind_) {
    case DirectoryKind::kPatients:
      AddPatients(style);
      break;
    case DirectoryKind::kStudy:
      AddSeries(directory, style);
      break;
    case DirectoryKind::kSeries:
      AddInstances(directory, style);
      break;
    default:
      AddStudies(directory, style);
      break;
  }
}

void Table::AddStudies(const Directory& directory, NameStyle style) {
  std::vector<uint32_t> rows = Indices(answer_->size());
  if (kind_ == DirectoryKind::kPatient) {
    std::erase_if(
        rows, [&](uint32_t row) { return !BelongsToPatient((*answer_)[row], directory.patient_id, directory.query); });
  }
  Fill(rows, [&](uint32_t row, int attempt) {
    return StudyDirectoryName((*answer_)[row], style, kSuffixes[static_cast<size_t>(attempt)]);
  });
}

void Table::AddPatients(NameStyle style) {
  // Archives spell one patient's name differently from study to study; the choice must not depend on their order.
  struct Patient {
    uint32_t row;
    std::string_view name;
  };
  std::map<std::string_view, Patient> patients;
  for (uint32_t row = 0; row < answer_->size(); ++row) {
    const std::string_view name = (*answer_)[row].attributes.Get(tag::kPatientName);
    const auto [at, is_new] = patients.try_emplace(PatientIdOf((*answer_)[row]), Patient{row, name});
    if (!name.empty() && (at->second.name.empty() || name < at->second.name)) {
      at->second.name = name;
    }
  }
  std::vector<uint32_t> rows;
  rows.reserve(patients.size());
  for (const auto& [id, patient] : patients) {
    rows.push_back(patient.row);
  }
  Fill(rows, [&](uint32_t row, int attempt) {
    const auto& [id, patient] = *patients.find(PatientIdOf((*answer_)[row]));
    return PatientDirectoryName(id, patient.name, style, kSuffixes[static_cast<size_t>(attempt)]);
  });
}

void Table::AddSeries(const Directory& directory, NameStyle style) {
  study_ = FindStudy(*answer_, directory.study->study);
  Fill(Indices(study_ == nullptr ? 0 : study_->series.size()), [&](uint32_t row, int attempt) {
    return SeriesDirectoryName(study_->series[row], style, kSuffixes[static_cast<size_t>(attempt)]);
  });
}

void Table::AddInstances(const Directory& directory, NameStyle style) {
  study_ = FindStudy(*answer_, directory.study->study);
  if (study_ != nullptr) {
    for (const Series& series : study_->series) {
      series_ = series.uid == directory.series->series ? &series : series_;
    }
  }
  if (series_ == nullptr) {
    return;
  }
  const std::vector<std::string> names = InstanceFileNames(*series_, style);
  rows_ = Indices(names.size());
  std::sort(rows_.begin(), rows_.end(), [&](uint32_t a, uint32_t b) { return names[a] < names[b]; });
  names_ = NameTable(names.size(), [&](size_t index) -> std::string_view { return names[rows_[index]]; });
}

// Names each row; equal names get a longer suffix, all of them, so that it does not matter which came first.
void Table::Fill(const std::vector<uint32_t>& rows, const NameOf& name_of) {
  std::vector<std::pair<std::string, uint32_t>> named;
  named.reserve(rows.size());
  for (const uint32_t row : rows) {
    named.emplace_back(name_of(row, 0), row);
  }
  std::sort(named.begin(), named.end());
  for (int attempt = 1; attempt < static_cast<int>(kSuffixes.size()); ++attempt) {
    bool equal = false;
    for (size_t begin = 0, end = 0; begin < named.size(); begin = end) {
      const std::string name = named[begin].first;
      for (end = begin; end < named.size() && named[end].first == name; ++end) {
      }
      for (size_t i = begin; end - begin > 1 && i < end; ++i) {
        named[i].first = name_of(named[i].second, attempt);
        equal = true;
      }
    }
    if (!equal) {
      break;
    }
    std::sort(named.begin(), named.end());
  }
  rows_.reserve(named.size());
  for (const auto& [name, row] : named) {
    rows_.push_back(row);
  }
  names_ = NameTable(named.size(), [&](size_t index) -> std::string_view { return named[index].first; });
}

const std::string& Table::IdOf(uint32_t row) const {
  if (series_ != nullptr) {
    return series_->instances[row].uid.str();
  }
  return study_ != nullptr ? study_->series[row].uid.str() : (*answer_)[row].uid.str();
}

std::optional<size_t> Table::IndexOfUid(const Uid& uid) const {
  if (kind_ == DirectoryKind::kPatients) {
    return std::nullopt;
  }
  std::call_once(by_id_made_, [&] {
    by_id_ = Indices(rows_.size());
    std::sort(by_id_.begin(), by_id_.end(), [&](uint32_t a, uint32_t b) { return IdOf(rows_[a]) < IdOf(rows_[b]); });
  });
  const auto found = std::lower_bound(by_id_.begin(), by_id_.end(), uid.str(),
                                      [&](uint32_t index, const std::string& id) { return IdOf(rows_[index]) < id; });
  if (found == by_id_.end() || IdOf(rows_[*found]) != uid.str()) {
    return std::nullopt;
  }
  return *found;
}

std::optional<size_t> Table::IndexOfPatient(std::string_view patient_id) const {
  for (size_t index = 0; kind_ == DirectoryKind::kPatients && index < rows_.size(); ++index) {
    if (PatientIdOf((*answer_)[rows_[index]]) == patient_id) {
      return index;
    }
  }
  return std::nullopt;
}

std::vector<Uid> Table::Instances() const {
  std::vector<Uid> instances;
  instances.reserve(series_ == nullptr ? 0 : rows_.size());
  for (size_t i = 0; series_ != nullptr && i < rows_.size(); ++i) {
    instances.push_back(series_->instances[rows_[i]].uid);
  }
  return instances;
}

Node Table::MakeNode(const DirectoryPtr& directory, size_t index, std::string_view name) const {
  const uint32_t row = rows_[index];
  switch (kind_) {
    case DirectoryKind::kPatients:
      return {MakePatient(directory, name, std::string(PatientIdOf((*answer_)[row]))), std::nullopt};
    case DirectoryKind::kStudy:
      return {MakeSeries(directory, name, *study_, study_->series[row]), std::nullopt};
    case DirectoryKind::kSeries:
      return {nullptr, MakeFile(directory, series_->instances[row])};
    default:
      return {MakeStudy(directory, name, (*answer_)[row]), std::nullopt};
  }
}

ListingPtr MakeListing(DirectoryPtr directory, TablePtr table, std::chrono::system_clock::time_point fetched_at,
                       bool stale) {
  return std::make_shared<TableListing>(std::move(directory), std::move(table), fetched_at, stale);
}

ListingPtr MakeMemoryListing(std::vector<std::string> names, bool directories,
                             std::function<Node(std::string_view)> make_node,
                             std::chrono::system_clock::time_point now) {
  return std::make_shared<MemoryListing>(std::move(names), directories, std::move(make_node), now);
}

}  // namespace trolley

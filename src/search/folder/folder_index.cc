#include "search/folder/folder_index.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace trolley {
namespace {

using Values = std::vector<std::pair<Tag, std::string_view>>;

Values ToValues(const Attributes& attributes) {
  Values values;
  attributes.ForEach([&](Tag tag, std::string_view text) { values.emplace_back(tag, text); });
  return values;
}

struct Split3 {
  Attributes common;   // equal in both
  Attributes demoted;  // the rest of the first
  Attributes own;      // the rest of the second
};

Split3 SplitCommon(const Attributes& first, const Attributes& second) {
  const Values a = ToValues(first);
  const Values b = ToValues(second);
  Split3 out;
  for (size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    if (j == b.size() || (i < a.size() && a[i].first < b[j].first)) {
      out.demoted.Set(a[i].first, a[i].second);
      ++i;
    } else if (i == a.size() || b[j].first < a[i].first) {
      out.own.Set(b[j].first, b[j].second);
      ++j;
    } else {
      if (a[i].second == b[j].second) {
        out.common.Set(a[i].first, a[i].second);
      } else {
        out.demoted.Set(a[i].first, a[i].second);
        out.own.Set(b[j].first, b[j].second);
      }
      ++i;
      ++j;
    }
  }
  out.common.ShrinkToFit();
  out.own.ShrinkToFit();
  return out;
}

std::optional<InstanceReference> ReferenceOf(const Attributes& attributes) {
  auto study = Uid::Parse(attributes.Get(tag::kStudyInstanceUID));
  auto series = Uid::Parse(attributes.Get(tag::kSeriesInstanceUID));
  auto instance = Uid::Parse(attributes.Get(tag::kSOPInstanceUID));
  if (!study || !series || !instance) {
    return std::nullopt;
  }
  return InstanceReference{*std::move(study), *std::move(series), *std::move(instance)};
}

// Takes what is not in the common attributes any more to every file.
void Demote(FolderSeries& series, const Attributes& demoted) {
  if (demoted.empty()) {
    return;
  }
  for (auto& [uid, instance] : series.instances) {
    for (FolderFile* file : instance.files) {
      file->own.MergeMissing(demoted);
      file->own.ShrinkToFit();
    }
  }
}

}  // namespace

std::string_view FolderValue(const FolderSeries& series, const FolderFile& file, Tag tag) {
  return file.own.Has(tag) ? file.own.Get(tag) : series.common.Get(tag);
}

FolderFile& FolderIndex::Put(std::string_view path, const IndexedFile& file) {
  const auto [at, is_new] = files_.try_emplace(std::string(path));
  FolderFile& known = at->second;
  known.path = &at->first;
  Detach(known);
  known.size = file.size;
  known.mtime_ns = file.mtime_ns;
  known.inode = file.inode;
  known.may_change = false;
  if (file.is_dicom) {
    Attach(known, file.attributes);
  }
  return known;
}

void FolderIndex::Remove(const std::string& path) {
  const auto at = files_.find(path);
  if (at != files_.end()) {
    Detach(at->second);
    files_.erase(at);
  }
}

FolderFile* FolderIndex::Find(const std::string& path) {
  const auto at = files_.find(path);
  return at == files_.end() ? nullptr : &at->second;
}

const FolderInstance* FolderIndex::Find(const InstanceReference& instance) const {
  const auto study = studies_.find(instance.study);
  if (study == studies_.end()) {
    return nullptr;
  }
  const auto series = study->second.find(instance.series);
  if (series == study->second.end()) {
    return nullptr;
  }
  const auto found = series->second.instances.find(instance.instance);
  return found == series->second.instances.end() ? nullptr : &found->second;
}

std::vector<std::string> FolderIndex::NotSeen(uint64_t scan) const {
  std::vector<std::string> paths;
  for (const auto& [path, file] : files_) {
    if (file.seen != scan) {
      paths.push_back(path);
    }
  }
  return paths;
}

void FolderIndex::Attach(FolderFile& file, const Attributes& attributes) {
  const std::optional<InstanceReference> reference = ReferenceOf(attributes);
  if (!reference) {
    return;
  }
  FolderSeries& series = studies_[reference->study][reference->series];
  if (series.instances.empty()) {
    series.common = attributes;
  } else {
    Split3 split = SplitCommon(series.common, attributes);
    Demote(series, split.demoted);
    series.common = std::move(split.common);
    file.own = std::move(split.own);
  }
  FolderInstance& instance = series.instances[reference->instance];
  repeated_ += instance.files.empty() ? 0 : 1;
  const auto by_path = [](const FolderFile* a, const FolderFile* b) { return *a->path < *b->path; };
  instance.files.insert(std::upper_bound(instance.files.begin(), instance.files.end(), &file, by_path), &file);
  file.series = &series;
  file.instance = &instance;
}

void FolderIndex::Detach(FolderFile& file) {
  if (file.series == nullptr) {
    return;
  }
  const InstanceReference reference{Uid(FolderValue(*file.series, file, tag::kStudyInstanceUID)),
                                    Uid(FolderValue(*file.series, file, tag::kSeriesInstanceUID)),
                                    Uid(FolderValue(*file.series, file, tag::kSOPInstanceUID))};
  FolderStudy& study = studies_.at(reference.study);
  FolderSeries& series = *file.series;
  std::erase(file.instance->files, &file);
  if (file.instance->files.empty()) {
    series.instances.erase(reference.instance);
  } else {
    --repeated_;
  }
  if (series.instances.empty()) {
    study.erase(reference.series);
  }
  if (study.empty()) {
    studies_.erase(reference.study);
  }
  file.series = nullptr;
  file.instance = nullptr;
  file.own = Attributes();
}

}  // namespace trolley

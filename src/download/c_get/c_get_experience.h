#ifndef TROLLEY_DOWNLOAD_C_GET_C_GET_EXPERIENCE_H_
#define TROLLEY_DOWNLOAD_C_GET_C_GET_EXPERIENCE_H_

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

#include "dicom/references.h"
#include "download/storage_contexts.h"

namespace trolley {

// What C-GET learned of an archive. Thread-safe.
class CGetExperience {
 public:
  std::string ClassOf(const SeriesReference& series) const {
    const std::lock_guard lock(mutex_);
    const auto found = classes_.find(series);
    return found == classes_.end() ? "" : found->second;
  }
  void RememberClass(const SeriesReference& series, const std::string& sop_class) {
    constexpr size_t kMany = 20000;
    const std::lock_guard lock(mutex_);
    if (classes_.size() >= kMany) {
      classes_.clear();
    }
    classes_[series] = sop_class;
  }
  SyntaxChoice ChoiceFor(const std::string& sop_class) const {
    const std::lock_guard lock(mutex_);
    const auto found = choices_.find(sop_class);
    return found == choices_.end() ? SyntaxChoice(kEachSyntax) : found->second;
  }
  void RememberChoice(const std::string& sop_class, const SyntaxChoice& choice) {
    const std::lock_guard lock(mutex_);
    choices_[sop_class] = choice;
  }
  // Other choices were tried for an instance of the class, in vain, although the archive does send this class.
  bool ChoicesAreInVain(const std::string& sop_class) const {
    const std::lock_guard lock(mutex_);
    return in_vain_.contains(sop_class);
  }
  void RememberChoicesInVain(const std::string& sop_class) {
    const std::lock_guard lock(mutex_);
    in_vain_.insert(sop_class);
  }
  bool TakesLists() const {
    const std::lock_guard lock(mutex_);
    return takes_lists_;
  }
  void RememberNoLists() {
    const std::lock_guard lock(mutex_);
    takes_lists_ = false;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<SeriesReference, std::string> classes_;
  std::map<std::string, SyntaxChoice> choices_;
  std::set<std::string> in_vain_;
  bool takes_lists_ = true;
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_C_GET_C_GET_EXPERIENCE_H_

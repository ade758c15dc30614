#ifndef TROLLEY_TESTS_SUPPORT_TEMP_DIRECTORY_H_
#define TROLLEY_TESTS_SUPPORT_TEMP_DIRECTORY_H_

#include <filesystem>
#include <string>
#include <string_view>

namespace trolley {

// A fresh directory that goes away with everything in it.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Makes missing parents; gives the file's path.
  std::filesystem::path Write(const std::string& name, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

inline std::filesystem::path operator/(const TempDirectory& directory, const std::filesystem::path& name) {
  return directory.path() / name;
}

// Whole files. Both throw std::runtime_error when they cannot.
std::string ReadFile(const std::filesystem::path& path);
void WriteFile(const std::filesystem::path& path, std::string_view content);

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_TEMP_DIRECTORY_H_

#include "support/temp_directory.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace trolley {

TempDirectory::TempDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "trolley-test.XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("Cannot make " + pattern + ": " + std::strerror(errno));
  }
  path_ = pattern;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;  // what is still mounted or running in there must not hide the test's own failure
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TempDirectory::Write(const std::string& name, std::string_view content) const {
  std::filesystem::path path = path_ / name;
  std::filesystem::create_directories(path.parent_path());
  WriteFile(path, content);
  return path;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string content;
  // In large pieces: tests read hundreds of megabytes, and are not optimised.
  constexpr size_t kPiece = size_t{1} << 20;
  while (in) {
    const size_t before = content.size();
    content.resize(before + kPiece);
    in.read(content.data() + before, static_cast<std::streamsize>(kPiece));
    content.resize(before + static_cast<size_t>(in.gcount()));
  }
  if (!in.eof() || in.bad()) {
    throw std::runtime_error("Cannot read " + path.string());
  }
  return content;
}

void WriteFile(const std::filesystem::path& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out) {
    throw std::runtime_error("Cannot write " + path.string());
  }
}

}  // namespace trolley

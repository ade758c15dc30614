#include "support/made_once.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "base/text.h"
#include "base/unique_fd.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

std::string StateOf(const std::vector<std::string>& sources) {
  const fs::path library = fs::path(kBuildDirectory) / "libtrolley.a";
  std::string state =
      StrCat(fs::file_size(library), " ", fs::last_write_time(library).time_since_epoch().count(), "\n");
  for (const std::string& source : sources) {
    state += ReadFile(fs::path(kSourceDirectory) / source);
  }
  return state;
}

}  // namespace

fs::path MadeOnce(const std::string& name, const std::vector<std::string>& sources,
                  const std::function<void(const fs::path&)>& make) {
  const fs::path parent = fs::path(kBuildDirectory) / "test-archives";
  fs::create_directories(parent);
  const UniqueFd lock(open((parent / (name + ".lock")).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  while (flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "Cannot lock the test archive " + name);
    }
  }
  const fs::path directory = parent / name;
  const fs::path made = parent / (name + ".made");  // written last
  const std::string state = StateOf(sources);
  if (!fs::exists(made) || ReadFile(made) != state) {
    fs::remove(made);
    fs::remove_all(directory);
    fs::create_directories(directory);
    make(directory);
    WriteFile(made, state);
  }
  return directory;
}

std::vector<fs::path> FilesMadeOnce(const fs::path& directory, const std::function<std::vector<fs::path>()>& write) {
  const fs::path list = directory.string() + ".files";
  std::vector<fs::path> files;
  if (!fs::exists(list)) {
    files = write();
    std::string names;
    for (const fs::path& file : files) {
      names += file.filename().string() + "\n";
    }
    WriteFile(list, names);
    return files;
  }
  std::ifstream in(list);
  for (std::string name; std::getline(in, name);) {
    files.push_back(directory / name);
  }
  return files;
}

}  // namespace trolley

#include "cli/environment/host_facts.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace nestp::environment {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// A host's /etc and a guest's root.
class Trees {
 public:
  Trees() {
    std::string path = (fs::temp_directory_path() / "host_facts.XXXXXX").string();
    place_ = ::mkdtemp(path.data());
    fs::create_directories(etc());
    fs::create_directories(root() + "/etc");
  }
  ~Trees() { fs::remove_all(place_); }
  Trees(const Trees&) = delete;
  Trees& operator=(const Trees&) = delete;
  std::string etc() const { return host() + "/etc"; }
  std::string host() const { return place_ + "/host"; }
  std::string root() const { return place_ + "/root"; }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
  }
  Words words(const std::map<std::string, std::string>& variables) const {
    return host_fact_words(root(), host(), [&](const std::string& name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
  }

 private:
  std::string place_;
};

constexpr const char* kZone = "TZif2 and much more\nCET-1CEST,M3.5.0,M10.5.0/3\n";

TEST_CASE("a time zone file ends with its rule", "[cli][host_facts]") {
  CHECK(time_zone_rule(kZone) == "CET-1CEST,M3.5.0,M10.5.0/3");
  CHECK(time_zone_rule("TZif\0 of version 1\nUTC0\n").empty());
  CHECK(time_zone_rule("nonsense\nUTC0\n").empty());
  CHECK(time_zone_rule("").empty());
}

TEST_CASE("the time zone is the host's, by a name that the guest knows", "[cli][host_facts]") {
  const Trees trees;
  CHECK(trees.words({}).empty());
  trees.write(trees.etc() + "/zoneinfo/Europe/Oslo", kZone);
  fs::create_symlink(trees.etc() + "/zoneinfo/Europe/Oslo", trees.etc() + "/localtime");
  CHECK(trees.words({}) == Words{"--env", "TZ=CET-1CEST,M3.5.0,M10.5.0/3"});
  trees.write(trees.root() + "/usr/share/zoneinfo/Europe/Oslo", kZone);
  CHECK(trees.words({}) == Words{"--env", "TZ=Europe/Oslo"});
  CHECK(trees.words({{"TZ", "UTC"}}).empty());
}

TEST_CASE("a locale that the guest lacks is left", "[cli][host_facts]") {
  const Trees trees;
  CHECK(trees.words({{"LANG", "C.UTF-8"}, {"LC_ALL", ""}}).empty());
  CHECK(trees.words({{"LANG", "de_DE.UTF-8"}, {"LC_TIME", "en_DK.UTF-8"}}) ==
        Words{"--env", "LANG=C.UTF-8", "--unset-env", "LC_TIME"});
  fs::create_directories(trees.root() + "/usr/lib/locale/de_DE.utf8");
  fs::create_directories(trees.root() + "/usr/lib/locale/ca_ES.utf8@valencia");
  CHECK(trees.words({{"LANG", "de_DE.UTF-8"}, {"LC_TIME", "ca_ES.UTF-8@valencia"}}).empty());
  trees.write(trees.root() + "/usr/lib/locale/locale-archive", "x");
  CHECK(trees.words({{"LC_ALL", "en_DK.UTF-8"}}).empty());
}

TEST_CASE("a guest without a machine id shows the host's", "[cli][host_facts]") {
  const Trees trees;
  trees.write(trees.etc() + "/machine-id", "0123\n");
  const Words bound{"--ro-bind", trees.etc() + "/machine-id:/etc/machine-id"};
  CHECK(trees.words({}) == bound);
  trees.write(trees.root() + "/etc/machine-id", "");
  CHECK(trees.words({}) == bound);
  trees.write(trees.root() + "/etc/machine-id", "uninitialized\n");
  CHECK(trees.words({}) == bound);
  trees.write(trees.root() + "/etc/machine-id", "4567\n");
  CHECK(trees.words({}).empty());
}

TEST_CASE("the desktop's sockets are shown", "[cli][host_facts]") {
  const Trees trees;
  fs::create_directories(trees.host() + "/tmp/.X11-unix");
  fs::create_directories(trees.host() + "/run");
  CHECK(
      trees.words({{"XDG_RUNTIME_DIR", trees.host() + "/absent"}, {"XAUTHORITY", "run"}}).empty());
  CHECK(trees.words({{"DISPLAY", ":0"}, {"XDG_RUNTIME_DIR", trees.host() + "/run"}}) ==
        Words{"-b", trees.host() + "/tmp/.X11-unix", "-b", trees.host() + "/run"});
}

TEST_CASE("a driver's libraries come to where the guest looks for them", "[cli][host_facts]") {
  const Trees trees;
  const std::string library = trees.host() + "/usr/lib64/libcuda.so.1";
  trees.write(library, "x");
  trees.write(trees.host() + "/usr/lib64/libc.so.6", "x");
  trees.write(trees.host() + "/usr/bin/nvidia-smi", "x");
  fs::create_directories(trees.root() + "/usr/lib/x86_64-linux-gnu");
  CHECK(trees.words({}).empty());
  trees.write(trees.host() + "/proc/driver/nvidia/version", "x");
  CHECK(trees.words({}) == Words{"--ro-bind", library + ":/usr/lib/x86_64-linux-gnu/libcuda.so.1",
                                 "--ro-bind",
                                 trees.host() + "/usr/bin/nvidia-smi:/usr/bin/nvidia-smi"});
  trees.write(trees.root() + "/usr/lib/x86_64-linux-gnu/libcuda.so.1", "x");
  CHECK(trees.words({}).empty());
}

}  // namespace
}  // namespace nestp::environment

// Random numbers and random paths that depend on the seed alone.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

/// splitmix64: the same numbers on every machine and library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t value = state_;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }

  template <typename Choice, std::size_t count>
  const Choice& of(const std::array<Choice, count>& choices) {
    return choices[below(count)];
  }

 private:
  std::uint64_t state_;
};

/// Where the storm rages: the places of run.sh's view.
inline constexpr std::array<std::string_view, 7> kPlaces = {
    "/work", "/work/mounted", "/bind/dir", "/bind/dir/nested", "/bind/again", "/bind/ro", "/bind",
};
/// So few names that operations meet each other.
inline constexpr std::array<std::string_view, 12> kNames = {
    "a", "b", "c", "d", "e", "file", "link", "program", "script", "nested", "mounted", "farm",
};

class PathMaker {
 public:
  explicit PathMaker(Random& random) : random_(random) {}

  /// Absolute or relative, of up to five components, now and then with something odd in it.
  std::string path() {
    std::string path;
    if (random_.one_in(60)) return odd();
    if (random_.below(3) != 0) path = random_.of(kPlaces);
    const std::uint64_t count = random_.below(4) + (path.empty() ? 1 : 0);
    for (std::uint64_t index = 0; index < count; ++index) {
      if (!path.empty()) path += random_.one_in(25) ? "//" : "/";
      path += component();
    }
    if (random_.one_in(15)) path += random_.one_in(3) ? "//" : "/";
    return path;
  }

  /// A single name, for what is easily made and met again.
  std::string name() { return std::string(random_.of(kNames)); }

 private:
  std::string component() {
    if (random_.one_in(7)) return "..";
    if (random_.one_in(20)) return ".";
    if (random_.one_in(12)) return "farm/" + std::to_string(random_.below(12));
    if (random_.one_in(150)) return std::string(255, 'n');
    if (random_.one_in(200)) return std::string(256, 'n');
    return name();
  }

  std::string odd() {
    static constexpr std::array<std::string_view, 16> kOdd = {
        "",
        "/",
        "/..",
        "/../..",
        ".",
        "..",
        "/proc/self/cwd",
        "/proc/self/cwd/..",
        "/proc/self/root",
        "/proc/self/root/bind/dir",
        "/proc/self/exe",
        "/dev/null",
        "/proc/thread-self/cwd",
        "/bind/file",
        "/bind/file/",
        "/dev/fd/0/x",
    };
    if (random_.one_in(3)) {
      std::string path = std::string(random_.of(kPlaces)) + "/";
      const std::size_t length = 4090 + random_.below(8);
      while (path.size() + 8 < length)
        path += "./";
      path += std::string(length - path.size(), 'x');
      return path;
    }
    if (random_.one_in(3)) {
      return "/work/chain/" + std::to_string(36 + random_.below(8)) +
             (random_.one_in(2) ? "/a" : "");
    }
    std::string path(random_.of(kOdd));
    if (random_.one_in(3)) path += "/" + name();
    return path;
  }

  Random& random_;
};

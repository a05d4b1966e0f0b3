// One storm: its random numbers, the descriptors it holds, and how it reports.
#pragma once

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string>

#include "tests/differential/storm_random.h"

struct Storm {
  Storm(std::uint64_t seed, bool root) : random(seed), paths(random), is_root(root) {
    files.fill(-1);
    sockets.fill(-1);
  }

  Random random;
  PathMaker paths;
  std::array<int, 6> files;    ///< descriptors to start *at calls from; -1: free
  std::array<int, 3> sockets;  ///< AF_UNIX
  long number = 0;             ///< of the operation
  bool is_root;                ///< real or fake: whose ids are told, and who changes them
  std::string who{};           ///< who root is in this operation, for the report; empty: itself
  int base_slot = 0;           ///< what base() chose, for the report

  std::string path() { return paths.path(); }

  /// A base for *at calls: mostly the working directory, else a held descriptor.
  int base() {
    base_slot = static_cast<int>(random.below(files.size() * 2));
    if (base_slot >= static_cast<int>(files.size()) || files[slot(base_slot)] < 0) {
      base_slot = -1;
      return AT_FDCWD;
    }
    return files[slot(base_slot)];
  }
  static std::size_t slot(int index) { return static_cast<std::size_t>(index); }

  /// One line: number, operation, arguments, result or the errno's name.
  long report(const char* operation, const std::string& arguments, long result) const {
    const int error = errno;
    std::printf("%ld %s%s %s = ", number, who.c_str(), operation, arguments.c_str());
    if (result == -1) {
      std::printf("%s\n", strerrorname_np(error));
    } else {
      std::printf("%ld\n", result);
    }
    return result;
  }
  void say(const std::string& text) const { std::printf("  %s\n", text.c_str()); }

  std::string at_base() const {
    return base_slot < 0 ? std::string() : "[" + std::to_string(base_slot) + "]";
  }
};

/// A path as the report shows it: quoted, long ones cut.
inline std::string shown(const std::string& path) {
  if (path.size() <= 150) return "\"" + path + "\"";
  return "\"" + path.substr(0, 60) + "...\" of " + std::to_string(path.size());
}

using Operation = void (*)(Storm&);

/// Operation and how many tickets it has in the draw.
struct Weighted {
  Operation operation;
  int weight;
};

// storm_files.cc
void open_file(Storm&);
void open_with_how(Storm&);
void make_entry(Storm&);
void remove_entry(Storm&);
void rename_entry(Storm&);
void link_entry(Storm&);
void ask_status(Storm&);
void read_link(Storm&);
void change_file(Storm&);
void use_attributes(Storm&);
// storm_processes.cc
void change_directory(Storm&);
void tell_directory(Storm&);
void list_directory(Storm&);
void run_program(Storm&);
void use_socket(Storm&);
void watch_file(Storm&);
// storm_root.cc
void change_owner(Storm&);
void change_mode(Storm&);
void make_device(Storm&);
void use_root_attributes(Storm&);
void ask_access(Storm&);
/// What follows is an ordinary user's, until become_root().
void become_somebody(Storm&);
void become_root(Storm&);

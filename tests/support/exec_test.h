// Runs a program and keeps what it printed, for the exec tests.
#pragma once

#include <fcntl.h>
#include <vector>

#include "tests/support/guest_test.h"

struct Output {
  int status = -1;   ///< wait status; exit code 100 + errno if exec itself failed
  std::string text;  ///< standard output

  bool has(const std::string& line) const {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
  }
};

/// `start` calls some form of exec in a child and returns only if that failed.
template <typename Start>
Output output_of(Start start) {
  Output output;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return output;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    start();
    _exit(100 + errno);
  }
  close(ends[1]);
  char part[4096];
  for (ssize_t got; (got = read(ends[0], part, sizeof part)) > 0;) {
    output.text.append(part, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  waitpid(child, &output.status, 0);
  return output;
}

/// execve(2) with these words as arguments.
inline Output run_program(const std::string& path, std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return output_of([&] { execv(path.c_str(), arguments.data()); });
}

/// The errno that exec failed with; 0 if it did not fail.
inline int exec_error(const Output& output) {
  const int code = WIFEXITED(output.status) ? WEXITSTATUS(output.status) : 0;
  return code > 100 ? code - 100 : 0;
}

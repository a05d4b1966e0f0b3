// A program for another C library: files, directories, a link, a child, in that library's way.
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  char target[4096];
  if (argc > 1) return strcmp(argv[1], "child") == 0 ? 7 : 1;
  const ssize_t length = readlink("/proc/self/exe", target, sizeof target - 1);
  if (length < 0) return 2;
  target[length] = 0;
  FILE* file = fopen("/tmp/musl-file", "w");
  if (file == NULL || fputs("text", file) < 0 || fclose(file) != 0) return 3;
  if (symlink("musl-file", "/tmp/musl-link") != 0) return 4;
  struct stat status;
  if (stat("/tmp/musl-link", &status) != 0 || status.st_size != 4) return 5;
  DIR* listing = opendir("/etc");
  if (listing == NULL || readdir(listing) == NULL) return 6;
  unlink("/tmp/musl-link");
  unlink("/tmp/musl-file");
  const pid_t child = fork();
  if (child == 0) {
    execl(target, target, "child", (char*)NULL);
    _exit(99);
  }
  int result = 0;
  if (waitpid(child, &result, 0) != child || !WIFEXITED(result) || WEXITSTATUS(result) != 7) return 8;
  puts(target);
  return 0;
}

// Go's x/crypto/ssh as a program: see support/ssh_peers/task.py.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

type login struct {
	Port   int    `json:"port"`
	User   string `json:"user"`
	By     string `json:"by"`
	Folder string `json:"folder"`
}

type task struct {
	Do      string `json:"do"`
	Login   login  `json:"login"`
	Command string `json:"command"`
	Rekey   bool   `json:"rekey"`
}

type typed struct {
	Text    string `json:"text"`
	Rows    int    `json:"rows"`
	Columns int    `json:"columns"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "go:", err)
		os.Exit(255)
	}
}

func (l login) file(name string) []byte {
	content, err := os.ReadFile(filepath.Join(l.Folder, name))
	must(err)
	return content
}

func (l login) method() ssh.AuthMethod {
	switch l.By {
	case "password":
		return ssh.Password(string(l.file("secret")))
	case "keyboard-interactive":
		return ssh.KeyboardInteractive(func(_, _ string, prompts []string, _ []bool) ([]string, error) {
			answers := make([]string, len(prompts))
			for number := range answers {
				answers[number] = string(l.file("secret"))
			}
			return answers, nil
		})
	}
	signer, err := ssh.ParsePrivateKey(l.file("id"))
	must(err)
	if l.By == "certificate" {
		key, _, _, _, err := ssh.ParseAuthorizedKey(l.file("certificate.pub"))
		must(err)
		signer, err = ssh.NewCertSigner(key.(*ssh.Certificate), signer)
		must(err)
	}
	return ssh.PublicKeys(signer)
}

func connect(t task) *ssh.Client {
	known, err := knownhosts.New(filepath.Join(t.Login.Folder, "known_hosts"))
	must(err)
	config := &ssh.ClientConfig{
		User:            t.Login.User,
		Auth:            []ssh.AuthMethod{t.Login.method()},
		HostKeyCallback: known,
		// Its own choice is RSA, which dropbear offers although it has no such key, and then ends.
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	}
	if t.Rekey {
		config.RekeyThreshold = 1 << 20
	}
	client, err := ssh.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", t.Login.Port), config)
	must(err)
	return client
}

func terminal(session *ssh.Session) {
	must(session.RequestPty("xterm", 24, 80, ssh.TerminalModes{}))
	stdin, err := session.StdinPipe()
	must(err)
	must(session.Shell())
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			var line typed
			must(json.Unmarshal(lines.Bytes(), &line))
			if line.Rows > 0 {
				must(session.WindowChange(line.Rows, line.Columns))
			}
			_, _ = stdin.Write([]byte(line.Text))
		}
	}()
}

func main() {
	var t task
	must(json.Unmarshal([]byte(os.Args[1]), &t))
	client := connect(t)
	session, err := client.NewSession()
	must(err)
	session.Stdout, session.Stderr = os.Stdout, os.Stderr
	if t.Do == "terminal" {
		terminal(session)
	} else {
		session.Stdin = os.Stdin
		must(session.Start(t.Command))
	}
	var exit *ssh.ExitError
	err = session.Wait()
	_ = client.Close()
	if errors.As(err, &exit) {
		os.Exit(exit.ExitStatus())
	}
	must(err)
}
